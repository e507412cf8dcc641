"""A transmitter of shared signals: its keys, events with anything in them, and a server that is asked for them."""

from __future__ import annotations

import json
import secrets
import threading
import time
from collections.abc import Mapping
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import httpx

from jwts import KeyPair, key_pair, raw_token, unb64

RECEIVER = "https://egress.example.com/events"
PUSH_TOKEN = "push-token-of-the-transmitter"
POLL_TOKEN = "poll-token-of-the-receiver"
CAEP = "https://schemas.openid.net/secevent/caep/event-type/"
RISC = "https://schemas.openid.net/secevent/risc/event-type/"
SSF = "https://schemas.openid.net/secevent/ssf/event-type/"


def email(address: str) -> dict[str, Any]:
    return {"format": "email", "email": address}


def iss_sub(issuer: str, subject: str) -> dict[str, Any]:
    return {"format": "iss_sub", "iss": issuer, "sub": subject}


def a_set(
    url: str,
    type_: str = RISC + "account-disabled",
    subject: Any = None,
    *,
    pair: KeyPair | None = None,
    header: Mapping[str, Any] | None = None,
    event: Any = None,
    **given: Any,
) -> str:
    """A good SET but for what is *given*: claims by name, members of the *header*, an *event*; None leaves one out."""
    pair = pair or key_pair("RS256", "transmitter")
    head = {"alg": pair.alg, "kid": pair.kid, "typ": "secevent+jwt"} | dict(header or {})
    good: dict[str, Any] = {
        "iss": url,
        "aud": RECEIVER,
        "jti": secrets.token_hex(8),
        "iat": int(time.time()),
        "sub_id": email("dana@example.com") if subject is None else subject,
        "events": {type_: {} if event is None else event},
    }
    kept = {name: value for name, value in (good | given).items() if value is not None}
    return raw_token(_dumps({n: v for n, v in head.items() if v is not None}), _dumps(kept), pair)


def jti(raw: str) -> str:
    return str(json.loads(unb64(raw.split(".")[1]))["jti"])


class DemoTransmitter:
    """Serves its keys and its poll endpoint until `stop`. *waiting* are the events that nobody acknowledged yet."""

    def __init__(self) -> None:
        self.waiting: dict[str, str] = {}
        self.acknowledged: list[str] = []
        self.errors: dict[str, Any] = {}
        self.polls: list[dict[str, Any]] = []
        self.broken = 0
        """How many polls are answered with an error before one is answered well."""
        self.odd: bytes | None = None
        """What every poll is answered with, where it is not the truth."""
        self.changed = threading.Condition()
        self._server = _Server(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.jwks_url, self.poll_url = f"{self.url}/jwks.json", f"{self.url}/poll"
        threading.Thread(target=self._server.serve_forever, args=[0.01], daemon=True).start()

    def rules(self, *, push: bool = True, poll: bool = False) -> str:
        """rules/identity/transmitters.yaml with this transmitter in it."""
        how = ["push: {token: 'env:SSF_PUSH'}"] if push else []
        how += [f"poll: {{url: '{self.poll_url}', token: 'env:SSF_POLL'}}"] if poll else []
        rest = "".join(f"\n    {line}" for line in how)
        return f"transmitters:\n  - issuer: '{self.url}'\n    jwks: '{self.jwks_url}'\n    audience: {RECEIVER}{rest}\n"

    def make(self, type_: str = RISC + "account-disabled", subject: Any = None, **given: Any) -> str:
        return a_set(self.url, type_, subject, **given)

    def push(self, to: str, raw: str, token: str = PUSH_TOKEN, **headers: str) -> httpx.Response:
        """As RFC 8935 says: to the console at *to*."""
        usual = {
            "authorization": f"Bearer {token}",
            "content-type": "application/secevent+jwt",
            "accept": "application/json",
        }
        return httpx.post(f"{to}/ssf/events", content=raw, headers=usual | headers, timeout=30, trust_env=False)

    def offer(self, raw: str, name: str | None = None) -> str:
        """To whoever asks next; its `jti`."""
        name = name or jti(raw)
        with self.changed:
            self.waiting[name] = raw
            self.changed.notify_all()
        return name

    def wait(self, what: Any, seconds: float = 30.0) -> None:
        """Until *what* is true of what was answered."""
        with self.changed:
            assert self.changed.wait_for(what, seconds)

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def answer(self, asked: dict[str, Any]) -> dict[str, Any] | None:
        """RFC 8936, section 2.4; None for an error."""
        with self.changed:
            self.polls.append(asked)
            self.changed.notify_all()
            if self.broken:
                self.broken -= 1
                return None
            for name in asked.get("ack", []):
                self.waiting.pop(name, None)
                self.acknowledged.append(name)
            for name, error in asked.get("setErrs", {}).items():
                self.waiting.pop(name, None)
                self.errors[name] = error
            self.changed.notify_all()
            if not asked["returnImmediately"]:
                self.changed.wait_for(lambda: self.waiting or self.odd is not None, 20)
            sets = dict(list(self.waiting.items())[: asked["maxEvents"]])
            return {"sets": sets, "moreAvailable": len(self.waiting) > len(sets)}


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, *_: Any) -> None:
        """Who hangs up during a long poll is no error."""


def _handler(transmitter: DemoTransmitter) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self._reply(200, {"keys": [key_pair("RS256", "transmitter").jwk()]})

        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            if self.headers["authorization"] != f"Bearer {POLL_TOKEN}":
                self._reply(401, {})
                return
            answer = transmitter.answer(json.loads(body))
            self._reply(500 if answer is None else 200, answer or {} if transmitter.odd is None else transmitter.odd)

        def _reply(self, status: int, page: Any) -> None:
            body = _dumps(page)
            self.send_response(status)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    return Handler


def _dumps(value: Any) -> bytes:
    return value if isinstance(value, bytes) else json.dumps(value).encode()
