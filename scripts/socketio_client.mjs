// Drives a server with the official client for JavaScript, as `scripts/socketio_clients.py` tells it:
// node socketio_client.mjs PACKAGE URL TOKEN TRANSPORTS; prints what it saw as one line of JSON.
import { createRequire } from "node:module";

const [packageFolder, url, token, transports] = process.argv.slice(2);
const { io } = createRequire(`${packageFolder}/`)("socket.io-client");
const seen = { events: [] };
const socket = io(url, {
  auth: (give) => give({ token }),
  transports: JSON.parse(transports),
  reconnection: false,
});
const done = (code) => {
  socket.disconnect();
  console.log(JSON.stringify(seen));
  process.exit(code);
};
setTimeout(() => done(3), 20_000);
socket.on("connect_error", (error) => {
  seen.error = { message: error.message, data: error.data };
  done(0);
});
socket.onAny((name, ...payloads) => seen.events.push([name, payloads.length]));
socket.on("connect", async () => {
  const ask = (name, payload) => socket.timeout(5_000).emitWithAck(name, payload);
  seen.joined = await ask("join_topic", { topic_id: "class-7b" });
  seen.sent = await ask("send_message", { topic_id: "class-7b", message: "from javascript" });
  seen.refused = await ask("send_message", { topic_id: "nowhere", message: "x" });
  seen.binary = await ask("send_message", new Uint8Array([1, 2, 3]));
  seen.read = await ask("mark_as_read", { topic_id: "class-7b" });
  // What it is told comes before this answer, or with it.
  await ask("leave_topic", { topic_id: "class-7b" });
  seen.transport = socket.io.engine.transport.name;
  done(0);
});
