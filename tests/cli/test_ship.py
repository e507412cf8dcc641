from __future__ import annotations

import json
import socket
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result
from hypothesis import given
from hypothesis import strategies as st

from ledgers import an_exchange, ledger_file
from weighlock.adapters.sinks import Line, sink, syslog
from weighlock.cli import main
from weighlock.errors import ConfigError
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    requests = [(Kind.REQUEST, entry.request_body(an_exchange(id=f"e{n}")), {}) for n in range(5)]
    ledger_file(folder, [(Kind.START, entry.control_body("start"), {}), *requests])
    return folder


def run(state: Path, to: str | Path, *arguments: str, exit_code: int = 0) -> Result:
    command = ["ledger", "ship", "--to", str(to), "--state", str(state), *arguments]
    result = CliRunner().invoke(main, command)
    assert result.exit_code == exit_code, result.output
    return result


def sequences(text: str) -> list[int]:
    return [json.loads(line)["metadata"]["sequence"] for line in text.splitlines()]


def test_a_file_gets_all_entries_once_and_in_order(state: Path, tmp_path: Path) -> None:
    out = tmp_path / "events.jsonl"

    assert run(state, out).stdout == "6 entries sent\n"
    assert run(state, out).stdout == "0 entries sent\n"

    assert sequences(out.read_text()) == [0, 1, 2, 3, 4, 5]
    assert out.stat().st_mode & 0o777 == 0o600


def test_another_place_begins_from_the_first_entry(state: Path, tmp_path: Path) -> None:
    run(state, tmp_path / "one")

    assert run(state, tmp_path / "other").stdout == "6 entries sent\n"


class _Collector(ThreadingHTTPServer):
    def __init__(self, answers: list[int]) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.answers, self.bodies, self.tokens = answers, list[str](), list[str]()


class _Handler(BaseHTTPRequestHandler):
    server: _Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        status = self.server.answers.pop(0) if self.server.answers else 200
        if status < 300:
            self.server.bodies.append(body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def collector(*answers: int) -> Iterator[tuple[str, _Collector]]:
    server = _Collector(list(answers))
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}/events", server
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def test_what_was_not_taken_is_sent_again_from_where_it_stopped(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys.modules["weighlock.cli.ship"], "BATCH", 4)
    with collector(200, 503) as (url, server):
        assert "not delivered: answered 503" in run(state, url, exit_code=1).stderr
        run(state, url)

    assert [sequences(body) for body in server.bodies] == [[0, 1, 2, 3], [4, 5]]


def test_a_redirect_is_not_followed(state: Path) -> None:
    with collector(302) as (url, server):
        run(state, url, exit_code=1)

    assert server.bodies == []


def test_syslog_by_tcp_is_framed_by_its_length(state: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        received: list[bytes] = []

        def take() -> None:
            peer, _ = server.accept()
            with peer:
                while data := peer.recv(65536):
                    received.append(data)

        thread = threading.Thread(target=take)
        thread.start()
        run(state, f"syslog+tcp://127.0.0.1:{server.getsockname()[1]}")
        thread.join()

    rest, seen = b"".join(received), []
    while rest:
        length, _, rest = rest.partition(b" ")
        message, rest = rest[: int(length)], rest[int(length) :]
        head, _, text = message.partition(b" - \xef\xbb\xbf")
        assert head.split()[0] == b"<110>1"
        assert head.split()[3] == b"weighlock"
        seen.append(json.loads(text)["metadata"]["sequence"])
    assert seen == [0, 1, 2, 3, 4, 5]


def test_syslog_by_udp_is_a_datagram_each(state: Path) -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(10)
        run(state, f"syslog+udp://127.0.0.1:{server.getsockname()[1]}")

        assert [server.recv(70_000).startswith(b"<110>1 2026-01-01T") for _ in range(6)] == [True] * 6


def test_nobody_there_is_said_and_nothing_counts_as_sent(state: Path, tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        port = server.getsockname()[1]
    cursor = tmp_path / "cursor"

    run(state, f"syslog+tcp://127.0.0.1:{port}", "--cursor", str(cursor), exit_code=1)
    assert not cursor.exists()


@pytest.mark.parametrize("text", ["", "{}", '{"next": -1}', '{"next": 99}', '{"next": "1"}'])
def test_a_cursor_that_is_none_is_refused(state: Path, tmp_path: Path, text: str) -> None:
    (tmp_path / "cursor").write_text(text)

    run(state, tmp_path / "out", "--cursor", str(tmp_path / "cursor"), exit_code=78)


@pytest.mark.parametrize("to", ["ftp://host/x", "syslog://host", "syslog+tcp://", "https://", "syslog+tcp://host:x"])
def test_a_place_that_is_none_is_refused(to: str) -> None:
    with pytest.raises(ConfigError):
        sink(to)


def test_a_token_never_goes_in_the_clear() -> None:
    with pytest.raises(ConfigError, match="https only"):
        sink("http://host/x", "token")


@given(st.text())
def test_a_syslog_message_holds_the_text_as_it_is(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    message = syslog(Line("2026-01-01T12:00:01.000Z", "request", 6, text), "host")

    assert message.partition(b"\xef\xbb\xbf")[2].decode() == text
