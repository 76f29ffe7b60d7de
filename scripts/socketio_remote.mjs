// The official client for JavaScript, led by lines of JSON, as `scripts/s3_checklist.py` writes them:
// node socketio_remote.mjs PACKAGE URL AUTH. Each line of input asks something with a number of its own; each line of
// output is what came: {"event", "payload"}, or {"answer", "to"}. It ends with its input.
import { createRequire } from "node:module";
import { createInterface } from "node:readline";

const [packageFolder, url, auth] = process.argv.slice(2);
const { io } = createRequire(`${packageFolder}/`)("socket.io-client");
const tell = (what) => console.log(JSON.stringify(what));
const socket = io(url, { auth: JSON.parse(auth), reconnection: false });
socket.on("connect_error", (error) => tell({ event: "connect_error", payload: error.message }));
socket.on("connect", () => tell({ event: "connect" }));
socket.onAny((event, payload) => tell({ event, payload }));
const lines = createInterface({ input: process.stdin });
lines.on("line", async (line) => {
  const { event, payload, number } = JSON.parse(line);
  const answer = await socket.timeout(10_000).emitWithAck(event, payload);
  tell({ answer, to: number });
});
lines.on("close", () => socket.disconnect());
