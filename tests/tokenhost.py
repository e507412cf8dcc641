"""A model provider's token endpoint over a socket: it grants what it is told to, and keeps what it was asked."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, Self


@dataclass(frozen=True)
class Asked:
    at: float
    """time.monotonic()"""
    path: str
    headers: Mapping[str, str]
    body: Any


class TokenHost:
    """A context manager; *certificate* makes it https. Each grant is another token: `granted-token-N`, from 1."""

    def __init__(self, certificate: Path | None = None) -> None:
        self.asked: list[Asked] = []
        self.life: Any = 3600
        self.answer: tuple[int, bytes] | None = None
        """In place of a grant."""
        self.headers: dict[str, str] = {}
        self.raw: bytes | None = None
        """In place of any HTTP, and the connection is closed behind it."""
        self.gate = threading.Event()
        """Nothing is answered before it is set."""
        self.gate.set()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self._server.handle_error = lambda *_: None  # type: ignore[method-assign]  # a client that left is no error
        if certificate:
            context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            context.load_cert_chain(certificate)
            self._server.socket = context.wrap_socket(self._server.socket, server_side=True)
        scheme, host = ("https", "localhost") if certificate else ("http", "127.0.0.1")
        self.base = f"{scheme}://{host}:{self._server.server_port}"
        self.url = f"{self.base}/oauth/token"
        self._thread = threading.Thread(target=self._server.serve_forever, args=[0.02], daemon=True)
        self._thread.start()

    @staticmethod
    def token(number: int) -> str:
        return f"granted-token-{number:04}-q8W7e6R5t4"

    def stop(self) -> None:
        self.gate.set()
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()


def _handler(host: TokenHost) -> type[BaseHTTPRequestHandler]:
    lock = threading.Lock()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = self.rfile.read(int(self.headers["content-length"]))
            headers = {name.lower(): value for name, value in self.headers.items()}
            with lock:
                host.asked.append(Asked(time.monotonic(), self.path, headers, json.loads(body)))
                number = len(host.asked)
            assert host.gate.wait(60)
            if host.raw is not None:
                self.wfile.write(host.raw)
                self.close_connection = True
                return
            grant = {"access_token": host.token(number), "token_type": "Bearer", "expires_in": host.life}
            status, data = host.answer or (200, json.dumps(grant).encode())
            self.send_response(status)
            for name, value in {"content-type": "application/json", **host.headers}.items():
                self.send_header(name, value)
            self.send_header("content-length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        def log_message(self, *_: Any) -> None: ...

    return Handler
