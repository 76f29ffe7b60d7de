"""Drives a server with the official Socket.IO clients; `make judges` runs it.

Each client joins, writes, reads and is refused: by polls alone, by polls that move to a socket, and by a socket
alone. The client for JavaScript is tried where Node.js is there; where it is not, that is said.
"""

import asyncio
import json
import os
import pathlib
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.request

import socketio

ROOT = pathlib.Path(__file__).resolve().parent.parent
PROGRAM = ROOT / "target/debug/landfall"
WAYS = [["polling"], ["polling", "websocket"], ["websocket"]]


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


class Server:
    """A server of its own, stopped and removed with the block."""

    def __init__(self, settings=None):
        self.env = {**os.environ, **(settings or {})}

    def __enter__(self):
        self.folder = tempfile.TemporaryDirectory()
        self.start()
        return self

    def start(self):
        """Starts it on its folder; a restart is a stop and a start."""
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        command = [PROGRAM, "serve", "--data-dir", self.folder.name, "--listen", f"127.0.0.1:{port}"]
        quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
        self.process = subprocess.Popen(command, env=self.env, **quiet)
        deadline = time.monotonic() + 30
        while True:
            try:
                urllib.request.urlopen(self.url + "/health", timeout=5).close()
                return
            except OSError:
                if time.monotonic() > deadline:
                    self.process.kill()
                    raise
                time.sleep(0.1)

    def stop(self):
        self.process.terminate()
        self.process.wait(timeout=60)

    def __exit__(self, *_):
        self.stop()
        self.folder.cleanup()

    def token(self, user, role):
        command = [PROGRAM, "token", "--data-dir", self.folder.name, "--sub", user, "--role", role]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    def call(self, method, path, body=None, token=None):
        token = token or self.token("root", "admin")
        headers = {"authorization": "Bearer " + token, "content-type": "application/json"}
        data = None if body is None else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, method=method, data=data, headers=headers)
        with urllib.request.urlopen(request, timeout=10) as answer:
            return json.loads(answer.read() or b"null")


async def eventually(what, holds):
    for _ in range(200):
        if holds():
            return
        await asyncio.sleep(0.05)
    raise AssertionError(f"did not come about: {what}")


async def python_client(server, ways):
    """Two users talk; one is told of a notification, and is put out in the end."""
    heard = {"sarah": [], "tom": []}
    clients = {}
    for name in heard:
        client = socketio.AsyncClient(reconnection=False)
        for event in ["new_message", "messages_read", "notification", "topic_left", "error", "disconnect"]:
            client.on(event, lambda *payload, name=name, event=event: heard[name].append((event, *payload)))
        token = server.token(name, "student")
        await client.connect(server.url, auth={"token": token}, transports=ways, wait_timeout=10)
        clients[name] = client
    sarah, tom = clients["sarah"], clients["tom"]
    assert sarah.transport() == ways[-1], sarah.transport()
    for client in clients.values():
        joined = await client.call("join_topic", {"topic_id": "class-7b"}, timeout=10)
        assert joined["ok"], joined
    name = f"python-{'-'.join(ways)}"
    said = {"topic_id": "class-7b", "room_id": "r", "message": "hello", "client_id": name}
    sent = await sarah.call("send_message", said, timeout=10)
    again = await sarah.call("send_message", said, timeout=10)
    assert sent["ok"] and again == sent, (sent, again)
    await eventually("tom hears it", lambda: any(one[0] == "new_message" for one in heard["tom"]))
    message = next(one[1] for one in heard["tom"] if one[0] == "new_message")
    assert {**message, "ok": True} == sent, (message, sent)
    refused = await sarah.call("send_message", {"topic_id": "nowhere", "message": "x"}, timeout=10)
    assert (refused["ok"], refused["code"]) == (False, "not_found"), refused
    read = await tom.call("mark_as_read", {"topic_id": "class-7b", "message_ids": [sent["id"]]}, timeout=10)
    assert (read["ok"], read["unread_count"]) == (True, 0), read
    await eventually("sarah hears who read", lambda: any(one[0] == "messages_read" for one in heard["sarah"]))
    # More than one poll takes at once.
    for n in range(40):
        await sarah.emit("send_message", {"topic_id": "class-7b", "message": f"{name} {n}"})
    texts = lambda: [one[1]["message"] for one in heard["tom"] if one[0] == "new_message"]
    await eventually("tom hears all", lambda: len(texts()) >= 41)
    assert texts()[1:] == [f"{name} {n}" for n in range(40)], texts()
    server.call(
        "POST", "/api/v1/notify", {"user_id": "sarah", "notification_type": "news", "title": "T", "message": "m"}
    )
    await eventually("sarah is notified", lambda: any(one[0] == "notification" for one in heard["sarah"]))
    for client in clients.values():
        await client.disconnect()
    bad = socketio.AsyncClient(reconnection=False)
    told = []
    bad.on("connect_error", lambda data: told.append(data))
    try:
        await bad.connect(server.url, auth={"token": "nope"}, transports=ways, wait_timeout=10)
        raise AssertionError("a bad token was let in")
    except socketio.exceptions.ConnectionError:
        assert told[0]["data"]["code"] == "unauthenticated", told


def javascript_client(server, package, ways):
    """One user talks, by the official client for JavaScript."""
    script = ROOT / "scripts/socketio_client.mjs"
    for token, is_good in [(server.token("sarah", "student"), True), ("nope", False)]:
        command = ["node", str(script), package, server.url, token, json.dumps(ways)]
        ran = subprocess.run(command, check=True, capture_output=True, text=True, timeout=60)
        seen = json.loads(ran.stdout)
        if not is_good:
            assert seen["error"]["data"]["code"] == "unauthenticated", seen
            continue
        assert seen["joined"]["ok"] and seen["sent"]["ok"] and seen["read"]["ok"], seen
        assert seen["refused"]["code"] == "not_found", seen
        assert seen["binary"]["code"] == "unreadable", seen
        assert seen["transport"] == ways[-1] and ["new_message", 1] in seen["events"], seen


def main():
    package = str(pathlib.Path(sys.argv[1]).resolve()) if len(sys.argv) > 1 else None
    with Server() as server:
        server.call("PUT", "/api/v1/topics/class-7b", {})
        members = [{"user_id": "sarah"}, {"user_id": "tom"}]
        server.call("POST", "/api/v1/topics/class-7b/members", {"members": members})
        for ways in WAYS:
            asyncio.run(python_client(server, ways))
            print(f"python-socketio, {' then '.join(ways)}: talks, hears and is refused as documented")
            if package and shutil.which("node"):
                javascript_client(server, package, ways)
                print(f"socket.io-client, {' then '.join(ways)}: talks, hears and is refused as documented")
            else:
                print("socket.io-client was NOT tried: there is no node")


if __name__ == "__main__":
    main()
