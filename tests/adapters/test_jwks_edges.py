"""What an issuer's keys do when they change in a file, or come a byte at a time."""

from __future__ import annotations

import json
import socket
import threading
from pathlib import Path

import pytest

from jwts import an_issuer, key_pair
from weighlock.adapters import fetch
from weighlock.adapters.fetch import Unreachable
from weighlock.adapters.jwks import FILE_TTL, Jwks
from weighlock.errors import Unidentified


async def test_a_key_taken_out_of_a_file_is_not_believed_a_moment_later(tmp_path: Path) -> None:
    now = 0.0
    file, issuer = tmp_path / "jwks.json", an_issuer(jwks="file:jwks.json")
    one, two = key_pair().jwk(), key_pair("ES256", "ec").jwk()
    file.write_text(json.dumps({"keys": [one, two]}))
    keys = Jwks(tmp_path, lambda: now)
    assert await keys.key(issuer, "k1", "RS256")

    file.write_text(json.dumps({"keys": [two]}))
    now = FILE_TTL + 0.1
    with pytest.raises(Unidentified, match="key-unknown"):
        await keys.key(issuer, "k1", "RS256")
    assert await keys.key(issuer, "ec", "ES256")


@pytest.mark.parametrize(
    "beginning", [b"HTTP/1.1 200 OK\r\ncontent-length: 1000\r\n\r\n", b"HTTP/1.1 200 OK\r\nx: ", b""]
)
async def test_an_answer_that_never_ends_is_given_up(beginning: bytes) -> None:
    """Each byte comes in time; all of them do not."""
    stop = threading.Event()

    def drip(server: socket.socket) -> None:
        client, _ = server.accept()
        with client:
            client.recv(4096)
            client.sendall(beginning)
            for _ in range(1000):
                if stop.wait(0.02):
                    return
                try:
                    client.sendall(b" ")
                except OSError:
                    return

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=drip, args=[server])
        thread.start()
        try:
            with pytest.raises(Unreachable, match="Timeout"):
                await fetch.json(f"http://127.0.0.1:{server.getsockname()[1]}/", timeout=0.2)
        finally:
            stop.set()
            thread.join()
