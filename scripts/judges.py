"""Lets programs that are not ours judge what Landfall sends; `make judges` runs it.

Twilio's own validator judges the signatures of the local server and makes the vectors that the
tests check ours against, the official discovery document of FCM v1 judges messages, http_ece opens
pushes, and aiosmtpd takes a mail. Nothing beyond this machine is reached. With `--write` the vectors are written anew.
"""

import base64
import email.policy
import functools
import importlib.resources
import json
import os
import pathlib
import socket
import subprocess
import sys

import http_ece
from aiosmtpd.controller import Controller
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from twilio.request_validator import RequestValidator

ROOT = pathlib.Path(__file__).resolve().parent.parent
VECTORS = ROOT / "channels/tests/vectors/twilio_signatures.json"
AUTH_TOKEN = "12345678901234567890123456789012"


def judged(*arguments):
    """Runs the program under judgement and reads what it wrote."""
    program = ROOT / "target/debug/examples/judged"
    run = subprocess.run([program, *arguments], check=True, capture_output=True, timeout=120)
    return json.loads(run.stdout)


def verdict(what, good):
    print(("ok      " if good else "REFUSED ") + what)
    return good


# Twilio


def as_dict(parameters):
    names = dict.fromkeys(name for name, _ in parameters)
    every = {name: [value for key, value in parameters if key == name] for name in names}
    return {name: values[0] if len(values) == 1 else values for name, values in every.items()}


def form_vector(validator, what, signed_url, parameters, url=None):
    class Form(dict):
        def getall(self, name):
            return [value for key, value in parameters if key == name]

    signature = validator.compute_signature(signed_url, Form(as_dict(parameters)))
    return {
        "what": what,
        "signed_url": signed_url,
        "url": url or signed_url,
        "parameters": parameters,
        "signature": signature,
    }


def body_vector(validator, what, url, body):
    joint = "&" if "?" in url else "?"
    url += f"{joint}bodySHA256={validator.compute_hash(body)}"
    signature = validator.compute_signature(url, {})
    return {"what": what, "signed_url": url, "url": url, "body": body, "signature": signature}


def vectors():
    """Gives signatures that Twilio's validator makes, with all that is easily got wrong."""
    validator = RequestValidator(AUTH_TOKEN)
    sid = "SM0123456789abcdef0123456789abcdef"
    usual = [["MessageSid", sid], ["MessageStatus", "delivered"], ["To", "+15005550010"]]
    url = "https://landfall.example/api/v1/sms/callback"
    host = "https://landfall.example"
    form = functools.partial(form_vector, validator)
    return [
        form("a status callback", url, usual),
        form("a query stays as it is", url + "?t=a%20b&u=1&u=%C3%B1", usual),
        form("signed with the port", host + ":443/cb", usual, url=host + "/cb"),
        form("signed without the port", host + "/cb", usual, url=host + ":443/cb"),
        form("http and its port", "http://a.example:80/?x=1:2", usual, url="http://a.example/?x=1:2"),
        form("another port", host + ":8443/cb", usual),
        form("no parameters", url, []),
        form("any order", url, list(reversed(usual))),
        form("capitals sort first", url, [["b", "1"], ["B", "2"], ["aa", "3"], ["a", "4"], ["_", "5"]]),
        form("a pair counts once", url, [["a", "2"], ["a", "10"], ["a", "2"], ["b", ""]]),
        form("any letters", url, [["Body", "¿Qué? 😀 +%&=\n"], ["Ж", "日本"]]),
        body_vector(validator, "a JSON body", url, '{"status":"delivered"}'),
        body_vector(validator, "an empty body", url + "?x=1", ""),
    ]


def judge_twilio(write):
    made = {"auth_token": AUTH_TOKEN, "signed": vectors()}
    if write:
        VECTORS.write_text(json.dumps(made, indent=2, ensure_ascii=False) + "\n")
    kept = json.loads(VECTORS.read_text())
    what = f"Twilio's validator makes the {len(made['signed'])} vectors of the tests"
    good = verdict(what, kept == made)
    ours = judged("twilio")
    validator = RequestValidator(ours["auth_token"])
    for callback in ours["callbacks"]:
        parameters = as_dict(callback["parameters"])
        right = validator.validate(callback["url"], parameters, callback["signature"])
        parameters["MessageStatus"] = "x"
        wrong = validator.validate(callback["url"], parameters, callback["signature"])
        what = f"Twilio's validator on the local server's callback to {callback['url']}"
        good &= verdict(what, right and not wrong)
    return good


# Firebase


def faults(schemas, schema, value, at):
    """Tells where a value leaves a schema of Google's discovery format."""
    if "$ref" in schema:
        schema = schemas[schema["$ref"]]
    kinds = {"string": str, "boolean": bool, "integer": int, "object": dict, "array": list}
    kind = schema.get("type", "any")
    if kind in kinds and not isinstance(value, kinds[kind]):
        return [f"{at}: no {kind}"]
    if "enum" in schema and value not in schema["enum"]:
        return [f"{at}: {value} is none of {schema['enum']}"]
    if schema.get("format") == "google-duration" and not value.endswith("s"):
        return [f"{at}: no duration"]
    found = []
    if kind == "array":
        for index, item in enumerate(value):
            found += faults(schemas, schema["items"], item, f"{at}[{index}]")
    if kind == "object":
        for name, item in value.items():
            inner = schema.get("properties", {}).get(name) or schema.get("additionalProperties")
            where = f"{at}.{name}"
            found += faults(schemas, inner, item, where) if inner else [f"{where}: unknown"]
    return found


def judge_fcm():
    folder = importlib.resources.files("googleapiclient.discovery_cache") / "documents"
    document = json.loads((folder / "fcm.v1.json").read_text())
    schemas = document["schemas"]
    request = {"$ref": "SendMessageRequest"}
    bad = {"message": {"tokn": "a", "data": {"a": 1}}}
    expected = [".message.tokn: unknown", ".message.data.a: no string"]
    good = verdict("the schema refuses what it should", faults(schemas, request, bad, "") == expected)
    for body in judged("fcm"):
        found = faults(schemas, request, body, "")
        target = "fid" if "fid" in body["message"] else "token"
        what = f"discovery schema {document['revision']} on a message to a {target} {found or ''}"
        good &= verdict(what, not found)
    return good


# Web Push


def base64url(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def from_base64url(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def judge_web_push():
    """Opens messages with a key and a secret that Landfall never has."""
    key, secret = ec.generate_private_key(ec.SECP256R1()), os.urandom(16)
    form = (serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    good = True
    for message in judged("webpush", base64url(key.public_key().public_bytes(*form)), base64url(secret)):
        plaintext, body = (from_base64url(message[name]) for name in ("plaintext", "body"))
        opened = http_ece.decrypt(body, private_key=key, auth_secret=secret, version="aes128gcm")
        what = f"http_ece opens a push of {len(plaintext)} bytes, {len(body)} encrypted"
        good &= verdict(what, opened == plaintext and len(body) <= 4096)
    return good


# E-mail


class Keeper:
    def __init__(self):
        self.mails = []

    async def handle_DATA(self, server, session, envelope):
        parsed = email.message_from_bytes(envelope.content, policy=email.policy.default)
        self.mails.append((envelope.mail_from, envelope.rcpt_tos, parsed))
        return "250 2.0.0 Kept"


def judge_email():
    keeper = Keeper()
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    controller = Controller(keeper, hostname="127.0.0.1", port=port)
    controller.start()
    try:
        outcomes = judged("email", str(port))
    finally:
        controller.stop()
    all_sent = all(outcome.startswith("Sent") for outcome in outcomes)
    good = verdict("aiosmtpd took every mail", all_sent and len(keeper.mails) == 3)
    for sender, recipients, mail in keeper.mails:
        defects = [part.defects for part in mail.walk() if part.defects]
        defects += [header.defects for header in mail.values() if header.defects]
        plain = mail.get_body(["plain"]).get_content()
        html = mail.get_body(["html"]).get_content()
        right = (
            (sender, recipients) == ("news@school.example", ["ana@example.org"])
            and not defects
            and mail["From"].addresses[0].display_name == "Søren's School"
            and mail["To"].addresses[0].addr_spec == "ana@example.org"
            and len(mail["To"].addresses) == 1
            and mail["Bcc"] is None
            and mail["Auto-Submitted"] == "auto-generated"
            and mail["List-Unsubscribe"] == "<https://landfall.example/u/abc>"
            and mail["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
            and plain.strip() and "<b>nine</b>" in html
        )
        what = f"Python reads the mail \"{mail['Subject']}\" without a defect {defects or ''}"
        good &= verdict(what, right)
    ids = [mail["Message-ID"] for _, _, mail in keeper.mails]
    subject = keeper.mails[2][2]["Subject"] if len(keeper.mails) == 3 else None
    good &= verdict("attempts of one delivery share their Message-ID", len(set(ids)) == 1)
    return good & verdict("a subject stays one line", subject == "Prüfung 😀 Bcc: all@example.org")


def main():
    verdicts = [judge_twilio("--write" in sys.argv), judge_fcm(), judge_web_push(), judge_email()]
    sys.exit(0 if all(verdicts) else 1)


if __name__ == "__main__":
    main()
