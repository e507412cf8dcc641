"""A model host of OpenAI's Realtime API, over TLS."""

from __future__ import annotations

import json
import ssl
import threading
from pathlib import Path
from typing import Any

from websockets.sync.server import Server, ServerConnection, serve

from demo.model_host import ModelHost, certificates

SAYS = "The card on file is 4111 1111 1111 1111, and it expires next year."


class RealtimeHost(ModelHost):
    """A model host of WebSockets alone. It keeps all that it is sent, and answers `response.create` in deltas."""

    def __init__(self, folder: Path) -> None:
        self.ca, leaf = certificates(folder)
        self.heads: list[dict[str, str]] = []
        self.messages: list[dict[str, Any]] = []
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(leaf)
        self._server: Server = serve(self._connection, "127.0.0.1", 0, ssl=tls, compression=None)
        self.port = self._server.socket.getsockname()[1]
        threading.Thread(target=self._server.serve_forever, daemon=True).start()

    def stop(self) -> None:
        self._server.shutdown()

    def _connection(self, socket: ServerConnection) -> None:
        assert socket.request
        self.heads.append({name.lower(): value for name, value in socket.request.headers.raw_items()})
        socket.send(json.dumps({"type": "session.created", "event_id": "e0", "session": {"model": "demo"}}))
        socket.ping("a ping of maria.lopez@example.com")
        for text in socket:
            message = json.loads(text)
            self.messages.append(message)
            if message["type"] == "response.create":
                self._answer(socket, message)

    def _answer(self, socket: ServerConnection, message: dict[str, Any]) -> None:
        place = {"response_id": "r", "item_id": "i", "output_index": 0, "content_index": 0}
        for at in range(0, len(SAYS), 5):
            socket.send(json.dumps({"type": "response.output_text.delta", "delta": SAYS[at : at + 5]} | place))
        socket.send(json.dumps({"type": "response.output_text.done", "text": SAYS} | place))
        for delta in ('{"to": "maria.lo', 'pez@example.com"', "}"):
            socket.send(json.dumps({"type": "response.function_call_arguments.delta", "delta": delta} | place))
        arguments = '{"to": "maria.lopez@example.com"}'
        socket.send(json.dumps({"type": "response.function_call_arguments.done", "arguments": arguments} | place))
        socket.send(json.dumps({"type": "response.done", "response": {"id": "r", "status": "completed"}}))
