"""S3's open checklist, with the official Socket.IO clients for Python and JavaScript; `make judges` runs it.

Each function is one line of the list; all are gone through with each client. Where Node.js is not there, that is said. A browser is a key pair and a web server that takes what is pushed to it and
decrypts it with a library of others.
"""

import asyncio
import base64
import contextlib
import functools
import http.server
import itertools
import json
import os
import shutil
import sys
import threading

import http_ece
import socketio
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from socketio_clients import ROOT, Server, eventually

SETTINGS = {
    "LANDFALL_OUTBOUND_ALLOW": "127.0.0.0/8",
    "LANDFALL_REALTIME_PRESENCE_GRACE_SECONDS": "0",
    "LANDFALL_VAPID_SUBJECT": "mailto:ops@school.example",
}


def text(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


class Browser:
    """A browser's subscription, and what was pushed to it."""

    def __init__(self):
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.auth = os.urandom(16)
        self.pushed = []
        browser = self

        class Endpoint(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                plain = http_ece.decrypt(body, private_key=browser.key, auth_secret=browser.auth)
                browser.pushed.append(json.loads(plain))
                self.send_response(201)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Endpoint)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def subscription(self):
        public = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        endpoint = f"http://127.0.0.1:{self.server.server_port}/push/1"
        return {"endpoint": endpoint, "keys": {"p256dh": text(public), "auth": text(self.auth)}}


@contextlib.asynccontextmanager
async def python_client(url, auth):
    """python-socketio, and what it heard."""
    heard = []
    one = socketio.AsyncClient(reconnection=False)
    one.on("*", lambda event, payload: heard.append((event, payload)))
    await one.connect(url, auth=auth, wait_timeout=10)
    yield one, heard
    await one.disconnect()


class JavaScriptClient:
    """socket.io-client in a process of its own, and what it heard."""

    def __init__(self, process):
        self.process = process
        self.heard = []
        self.asked = {}
        self.numbers = itertools.count()

    async def listen(self):
        async for line in self.process.stdout:
            told = json.loads(line)
            if "to" in told:
                self.asked.pop(told["to"]).set_result(told["answer"])
            else:
                self.heard.append((told["event"], told.get("payload")))

    async def call(self, event, payload, timeout):
        number = next(self.numbers)
        self.asked[number] = answer = asyncio.get_running_loop().create_future()
        self.process.stdin.write(json.dumps({"event": event, "payload": payload, "number": number}).encode() + b"\n")
        return await asyncio.wait_for(answer, timeout)


@contextlib.asynccontextmanager
async def javascript_client(package, url, auth):
    """socket.io-client, and what it heard."""
    program = ["node", ROOT / "scripts/socketio_remote.mjs", package, url, json.dumps(auth)]
    pipes = {"stdin": asyncio.subprocess.PIPE, "stdout": asyncio.subprocess.PIPE}
    process = await asyncio.create_subprocess_exec(*program, **pipes, limit=1 << 20)
    one = JavaScriptClient(process)
    listening = asyncio.create_task(one.listen())
    await eventually("it connects", lambda: any(event == "connect" for event, _ in one.heard))
    yield one, one.heard
    process.stdin.close()
    await asyncio.wait_for(process.wait(), 10)
    await listening


@contextlib.asynccontextmanager
async def client(server, user, **auth):
    """A client of a user, and what it heard."""
    auth = {"token": server.token(user, "student"), **auth}
    async with server.open_client(server.url, auth) as (one, heard):
        yield one, heard


def statuses(heard, user):
    return [p["is_online"] for event, p in heard if event == "user_status_change" and p["user_id"] == user]


def unread(server, user):
    topics = server.call("GET", "/api/v1/topics", token=server.token(user, "student"))
    return next(topic["unread_count"] for topic in topics["items"] if topic["id"] == "class-7b")


def say(server, user, message):
    body = {"message": message}
    server.call("POST", "/api/v1/topics/class-7b/messages", body, server.token(user, "student"))


async def several_clients_connect_and_see_each_others_status(server):
    async with client(server, "sarah") as (_, heard):
        async with client(server, "tom"), client(server, "tom"):
            await eventually("tom is there", lambda: statuses(heard, "tom") == [True])
        await eventually("tom is gone", lambda: statuses(heard, "tom") == [True, False])
        async with client(server, "mia") as (mia, of_mia):
            await mia.call("join_topic", {"topic_id": "class-7b"}, timeout=10)
            say(server, "tom", "hello")
            await eventually("sarah is alerted", lambda: any(event == "global_message_alert" for event, _ in heard))
            await eventually("mia hears it in the room", lambda: any(event == "new_message" for event, _ in of_mia))
            assert not any(event == "global_message_alert" for event, _ in of_mia), of_mia


async def a_message_to_an_offline_user_triggers_a_push(server, browser):
    server.call("POST", "/api/v1/notifications/subscribe", browser.subscription(), server.token("ana", "student"))
    async with client(server, "tom") as (tom, _):
        said = {"topic_id": "class-7b", "message": "the test is on page 40", "client_id": "push-1"}
        assert (await tom.call("send_message", said, timeout=10))["ok"]
        await eventually("ana is pushed", lambda: browser.pushed)
    [push] = browser.pushed
    shown = push["notification"]
    assert (shown["title"], shown["body"]) == ("tom in class-7b", "the test is on page 40"), push
    # A click leads to the topic.
    assert shown["navigate"] == "/topics/class-7b" and push["app_badge"] == 1, push


async def unread_counts_agree_across_devices_and_sessions(server):
    async with client(server, "leo", device_id="phone") as (phone, _):
        async with client(server, "leo", device_id="tablet") as (_, of_tablet):
            before = unread(server, "leo")
            say(server, "tom", "one")
            say(server, "tom", "two")
            assert unread(server, "leo") == before + 2
            read = await phone.call("mark_as_read", {"topic_id": "class-7b"}, timeout=10)
            assert (read["ok"], read["unread_count"]) == (True, 0), read
            await eventually("the tablet hears it", lambda: any(event == "messages_read" for event, _ in of_tablet))
    assert unread(server, "leo") == 0
    async with client(server, "leo") as (again, _):
        joined = await again.call("join_topic", {"topic_id": "class-7b"}, timeout=10)
        assert (joined["ok"], joined["unread_count"]) == (True, 0), joined


async def a_subscription_outlives_restarts(server, browser):
    server.stop()
    server.start()
    server.call("POST", "/api/v1/topics/class-7b/read", {}, server.token("ana", "student"))
    async with client(server, "tom") as (tom, _):
        said = {"topic_id": "class-7b", "message": "after the restart"}
        assert (await tom.call("send_message", said, timeout=10))["ok"]
        await eventually("ana is pushed again", lambda: len(browser.pushed) == 2)
    assert browser.pushed[1]["notification"]["body"] == "after the restart", browser.pushed


async def run(name, open_client):
    browser = Browser()
    with Server(SETTINGS) as server:
        server.open_client = open_client
        server.call("PUT", "/api/v1/topics/class-7b", {})
        members = [{"user_id": user} for user in ["sarah", "tom", "mia", "leo", "ana"]]
        server.call("POST", "/api/v1/topics/class-7b/members", {"members": members})
        for line in [
            several_clients_connect_and_see_each_others_status(server),
            a_message_to_an_offline_user_triggers_a_push(server, browser),
            unread_counts_agree_across_devices_and_sessions(server),
            a_subscription_outlives_restarts(server, browser),
        ]:
            told = line.__name__.replace("_", " ")
            await line
            print(f"{name}: {told}")


if __name__ == "__main__":
    asyncio.run(run("python-socketio", python_client))
    if shutil.which("node"):
        asyncio.run(run("socket.io-client", functools.partial(javascript_client, os.path.abspath(sys.argv[1]))))
    else:
        print("socket.io-client was NOT tried: Node.js is missing")
