"""The README's tour against a running server: every step, with what it must answer.

Usage: tour.py BINARY DATA_DIR ADDRESS
"""

import asyncio
import json
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import websockets

BINARY, DATA, ADDRESS = sys.argv[1:4]
HTTP, WS = f"http://{ADDRESS}", f"ws://{ADDRESS}"


def say(step: str) -> None:
    print(f"\n== {step}", flush=True)


def token(user: str, role: str, name: str) -> str:
    command = [BINARY, "token", "--sub", user, "--role", role, "--name", name, "--data-dir", DATA]
    return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()


def curl(method: str, path: str, bearer: str, body: dict | None = None) -> dict | None:
    """Calls the API with curl, as the README does; the last line is the status."""
    command = ["curl", "-sS", "-X", method, f"{HTTP}{path}", "-H", f"Authorization: Bearer {bearer}"]
    if body is not None:
        command += ["-H", "Content-Type: application/json", "-d", json.dumps(body)]
    command += ["-w", "\n%{http_code}"]
    output = subprocess.run(command, check=True, capture_output=True, text=True).stdout
    text, status = output.rsplit("\n", 1)
    print(f"{method} {path} -> {status} {text}")
    assert status.startswith("2"), f"{method} {path} answered {status}"
    return json.loads(text) if text else None


def send(bearer: str, message: str) -> dict:
    body = {"user_id": "sarah", "notification_type": "iep_reminder", "title": "IEP meeting", "message": message}
    return curl("POST", "/notify", bearer, body)


async def frame(socket: websockets.ClientConnection) -> dict:
    """Waits for the next frame that is no heartbeat."""
    while True:
        received = json.loads(await asyncio.wait_for(socket.recv(), timeout=20))
        if received["type"] != "heartbeat":
            print(f"  < {json.dumps(received)}")
            return received


async def delivered(bearer: str, identity: str) -> None:
    """Waits until the device's confirmation is stored: it follows the frame by itself."""
    for _ in range(200):
        for item in quiet_get("/api/v1/notifications", bearer)["items"]:
            if item["id"] == identity and item["delivered"]:
                return
        await asyncio.sleep(0.05)
    raise AssertionError(f"{identity} was never confirmed")


def quiet_get(path: str, bearer: str) -> dict:
    command = ["curl", "-sSf", f"{HTTP}{path}", "-H", f"Authorization: Bearer {bearer}"]
    return json.loads(subprocess.run(command, check=True, capture_output=True, text=True).stdout)


async def main() -> None:
    say("Tokens: one for the app's backend, one for a user, one for an admin")
    backend = token("backend", "service", "School")
    sarah = token("sarah", "student", "Sarah")
    admin = token("root", "admin", "Root")
    assert backend.count(".") == sarah.count(".") == 2

    say("Sarah's phone connects")
    async with websockets.connect(f"{WS}/ws/notify?token={sarah}&device_id=phone") as phone:
        say("The backend sends a notification; the phone gets it")
        answer = send(backend, "Tomorrow at 14:00")
        got = await frame(phone)
        assert got["id"] == answer["notification_id"] and got["replay_id"] == answer["replay_id"] == "1"
        assert got["message"] == "Tomorrow at 14:00" and answer["websocket_connections"] == 1
        assert answer["channels"]["websocket"] == "queued" and answer["channels"]["push"] == "skipped"
        await delivered(sarah, got["id"])
        last = got["replay_id"]

    say("The phone is offline; two more are sent")
    second = send(backend, "Room changed to A")
    third = send(backend, "Please bring the form")

    say("The phone comes back with the last number it has and gets both, once each")
    async with websockets.connect(f"{WS}/ws/notify?token={sarah}&device_id=phone&replay_from={last}") as phone:
        missed = [await frame(phone), await frame(phone)]
        assert [m["id"] for m in missed] == [second["notification_id"], third["notification_id"]]
        assert [m["prev"] for m in missed] == ["1", "2"]
        await delivered(sarah, third["notification_id"])

        say("A tablet is there too; what is read on it shows on the phone")
        async with websockets.connect(f"{WS}/ws/notify?token={sarah}&device_id=tablet&replay_from=3") as tablet:
            curl("PATCH", f"/api/v1/notifications/{second['notification_id']}/mark-read", sarah)
            for device in (phone, tablet):
                read = await frame(device)
                assert read["type"] == "notification_read" and read["id"] == second["notification_id"]
        assert curl("GET", "/api/v1/notifications/unread-count", sarah)["unread_count"] == 2

        say("A lesson that begins in ten minutes is scheduled for Sarah's class; the phone is reminded")
        curl("PUT", "/api/v1/topics/7b", admin, {"kind": "class", "title": "Class 7b"})
        curl("PUT", "/api/v1/topics/7b/members/sarah", admin, {"role": "member"})
        begins = (datetime.now(UTC) + timedelta(minutes=10)).strftime("%Y-%m-%dT%H:%M:%SZ")
        lesson = {"class_id": "7b", "title": "Fractions", "scheduled_start": begins}
        event = curl("POST", "/api/v1/notifications/live-sessions/schedule", admin, lesson)
        reminder = await frame(phone)
        assert reminder["type"] == "live_session_reminder" and reminder["title"] == "Live lesson soon: Fractions", reminder
        assert reminder["data"]["event_id"] == event["id"]
        await delivered(sarah, reminder["id"])

    say("The audit trail has it all, and its chain verifies")
    trail = curl("GET", "/api/v1/admin/audit?target_user_id=sarah&limit=20", admin)
    actions = [entry["action"] for entry in trail["items"]]
    assert actions.count("notification_created") == 4 and actions.count("notification_delivered") == 4, actions
    for _ in range(100):
        verified = quiet_get("/api/v1/admin/audit/verify", admin)
        if verified["unsealed"] == 0:
            break
        await asyncio.sleep(0.1)
    print(f"verified: {json.dumps(verified)}")
    assert verified["ok"] is True and verified["unsealed"] == 0
    print("\nThe tour did everything that the README says.")


asyncio.run(main())
