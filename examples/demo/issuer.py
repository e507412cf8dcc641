"""A demo OpenID issuer: one RS256 key, a JWKS over loopback, and tokens for whoever holds the folder.

For the demo and the tests; anybody can be anybody here.
"""

from __future__ import annotations

import base64
import json
import secrets
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa
from jose import jwt

AUDIENCE = "weighlock"
APPROVER_AUDIENCE = "weighlock-approvals"


class DemoIssuer:
    """Serves until `stop`. *url* is the issuer, and *jwks_url* where its keys are."""

    def __init__(self) -> None:
        key = rsa.generate_private_key(public_exponent=65537, key_size=2048)
        numbers = key.public_key().public_numbers()
        self._pem = key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        ).decode()
        self.kid = secrets.token_hex(4)
        self.jwks = {
            "keys": [
                {
                    "kty": "RSA",
                    "use": "sig",
                    "alg": "RS256",
                    "kid": self.kid,
                    "n": _b64(numbers.n),
                    "e": _b64(numbers.e),
                }
            ]
        }
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self.url = f"http://127.0.0.1:{self._server.server_port}"
        self.jwks_url = f"{self.url}/jwks.json"
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def mint(self, *, lifetime: int = 900, headers: dict[str, Any] | None = None, **claims: Any) -> str:
        """A signed token for the gateway; every claim can be given, and None leaves one out."""
        now = int(time.time())
        every = {
            "iss": self.url,
            "aud": AUDIENCE,
            "sub": "project:7",
            "iat": now,
            "exp": now + lifetime,
            "jti": secrets.token_hex(8),
        } | claims
        kept = {name: value for name, value in every.items() if value is not None}
        token: str = jwt.encode(kept, self._pem, "RS256", headers={"kid": self.kid} | (headers or {}))
        return token

    def stop(self) -> None:
        self._server.shutdown()
        self._server.server_close()


def _handler(issuer: DemoIssuer) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            pages: dict[str, Any] = {
                "/jwks.json": issuer.jwks,
                "/.well-known/openid-configuration": {"issuer": issuer.url, "jwks_uri": issuer.jwks_url},
            }
            page = pages.get(self.path)
            body = json.dumps(page).encode()
            self.send_response(200 if page else 404)
            self.send_header("content-type", "application/json")
            self.send_header("content-length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None: ...

    return Handler


def _b64(number: int) -> str:
    return base64.urlsafe_b64encode(number.to_bytes((number.bit_length() + 7) // 8)).rstrip(b"=").decode()
