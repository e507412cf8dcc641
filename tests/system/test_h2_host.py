"""A model host that speaks HTTP/2: what it sends behind a stream does not follow it."""

from __future__ import annotations

import json
import socket
import ssl
import threading
from collections.abc import Iterator
from pathlib import Path

import h2.config
import h2.connection
import h2.events
import pytest

from clients import RULES_ALONE, chat
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost, certificates
from rawclient import RawClient

SECRET = "maria.lopez@example.com"


class H2Host(ModelHost):
    """Answers every request with one stream of a chat, and trailers."""

    def __init__(self, folder: Path) -> None:
        self.ca, leaf = certificates(folder)
        self.protocols: list[str | None] = []
        tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
        tls.load_cert_chain(leaf)
        tls.set_alpn_protocols(["h2"])
        plain = socket.create_server(("127.0.0.1", 0))
        self.port = plain.getsockname()[1]
        self._socket = tls.wrap_socket(plain, server_side=True)
        threading.Thread(target=self._serve, daemon=True).start()

    def stop(self) -> None:
        self._socket.close()

    def _serve(self) -> None:
        while True:
            try:
                peer, _ = self._socket.accept()
            except ssl.SSLError:
                continue
            except OSError:
                return
            threading.Thread(target=self._connection, args=[peer], daemon=True).start()

    def _connection(self, peer: ssl.SSLSocket) -> None:
        self.protocols.append(peer.selected_alpn_protocol())
        connection = h2.connection.H2Connection(h2.config.H2Configuration(client_side=False))
        connection.initiate_connection()
        peer.sendall(connection.data_to_send())
        while data := peer.recv(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.StreamEnded):
                    self._answer(connection, event.stream_id)
            peer.sendall(connection.data_to_send())

    def _answer(self, connection: h2.connection.H2Connection, stream: int) -> None:
        chunks = [{"index": 0, "delta": {"content": "hello"}}, {"index": 0, "delta": {}, "finish_reason": "stop"}]
        events = [json.dumps({"id": "c", "choices": [chunk]}) for chunk in chunks]
        body = "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"])
        connection.send_headers(stream, [(":status", "200"), ("content-type", "text/event-stream")])
        connection.send_data(stream, body.encode())
        connection.send_headers(stream, [("x-said", SECRET)], end_stream=True)


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer) -> Iterator[Gateway]:
    host = H2Host(tmp_path_factory.mktemp("host"))
    with Gateway(tmp_path_factory.mktemp("gateway"), issuer, host, options=RULES_ALONE) as gateway:
        yield gateway
    host.stop()


def ask(gateway: Gateway) -> tuple[bytes, list[object]]:
    """A stream over HTTP/2 both ways: its body, and what else came behind the head."""
    body = json.dumps(chat("hello", stream=True)).encode()
    authority = f"localhost:{gateway.host.port}"
    head = {":method": "POST", ":scheme": "https", ":authority": authority, ":path": "/v1/chat/completions"}
    connection = h2.connection.H2Connection()
    said, beside = b"", list[object]()
    with RawClient(gateway) as raw:
        assert raw.connect(token=gateway.token()).status == 200
        raw.tls(alpn=("h2",))
        connection.initiate_connection()
        connection.send_headers(1, [*head.items(), ("content-type", "application/json")])
        connection.send_data(1, body, end_stream=True)
        raw.send(connection.data_to_send())
        while data := raw._receive(65536):
            for event in connection.receive_data(data):
                if isinstance(event, h2.events.DataReceived):
                    said += event.data
                elif isinstance(event, h2.events.TrailersReceived):
                    beside.append(event.headers)
                elif isinstance(event, h2.events.StreamEnded | h2.events.StreamReset):
                    return said, beside
            raw.send(connection.data_to_send())
    raise AssertionError("the stream never ended")


def test_trailers_do_not_follow_a_stream(gateway: Gateway) -> None:
    said, beside = ask(gateway)

    assert isinstance(gateway.host, H2Host)
    assert gateway.host.protocols == ["h2"]
    assert b"hello" in said
    assert said.endswith(b"data: [DONE]\n\n")
    assert beside == []
    shown = gateway.weighlock("ledger", "show", "--json", "--limit", "1")
    assert "refused" not in json.loads(shown.stdout)[0]["body"]
