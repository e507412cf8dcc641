from __future__ import annotations

import contextlib
import json
import socket
import ssl
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
from sites import an_authority
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
    def __init__(self, answers: list[int], tls: ssl.SSLContext | None = None) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        if tls:
            self.socket = tls.wrap_socket(self.socket, server_side=True)
        self.answers, self.bodies, self.tokens = answers, list[str](), list[str]()


class _Handler(BaseHTTPRequestHandler):
    server: _Collector

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"])).decode()
        self.server.tokens.append(self.headers.get("Authorization", ""))
        status = self.server.answers.pop(0) if self.server.answers else 200
        if status < 300:
            self.server.bodies.append(body)
        self.send_response(status)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None: ...


@contextmanager
def collector(*answers: int, tls: ssl.SSLContext | None = None) -> Iterator[tuple[str, _Collector]]:
    server = _Collector(list(answers), tls)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield f"http{'s' if tls else ''}://127.0.0.1:{server.server_address[1]}/events", server
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


@contextmanager
def receiver(tls: ssl.SSLContext | None = None, most: int = 1 << 30) -> Iterator[tuple[int, list[bytes]]]:
    """The port of a server of syslog that reads so many bytes at most, and what it read."""
    received: list[bytes] = []

    def take() -> None:
        peer, _ = server.accept()
        with contextlib.suppress(OSError), tls.wrap_socket(peer, server_side=True) if tls else peer as stream:
            while sum(map(len, received)) < most and (data := stream.recv(min(most, 65536))):
                received.append(data)
            if isinstance(stream, ssl.SSLSocket) and sum(map(len, received)) < most:
                stream.unwrap()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=take)
        thread.start()
        yield server.getsockname()[1], received
        thread.join()


def messages(received: list[bytes]) -> list[int]:
    """The numbers of the entries in them."""
    rest, seen = b"".join(received), []
    while rest:
        length, _, rest = rest.partition(b" ")
        message, rest = rest[: int(length)], rest[int(length) :]
        head, _, text = message.partition(b" - \xef\xbb\xbf")
        assert head.split()[0] == b"<110>1"
        assert head.split()[3] == b"weighlock"
        seen.append(json.loads(text)["metadata"]["sequence"])
    return seen


def test_syslog_by_tcp_is_framed_by_its_length(state: Path) -> None:
    with receiver() as (port, received):
        run(state, f"syslog+tcp://127.0.0.1:{port}")

    assert messages(received) == [0, 1, 2, 3, 4, 5]


def test_syslog_by_tls_goes_to_whom_an_authority_vouches_for(state: Path, tmp_path: Path) -> None:
    ca, tls = an_authority(tmp_path, "siem")
    with receiver(tls) as (port, received):
        assert run(state, f"syslog+tls://127.0.0.1:{port}", "--ca", str(ca)).stdout == "6 entries sent\n"

    assert messages(received) == [0, 1, 2, 3, 4, 5]


@pytest.mark.parametrize("wrong", ["unknown", "name", "expired"])
@pytest.mark.parametrize("scheme", ["syslog+tls", "https"])
def test_nothing_goes_to_whom_no_authority_vouches_for(state: Path, tmp_path: Path, wrong: str, scheme: str) -> None:
    ca, tls = an_authority(tmp_path, "siem", days=-1 if wrong == "expired" else 1)
    other, _ = an_authority(tmp_path, "other")
    host, given = "localhost" if wrong == "name" else "127.0.0.1", str(other if wrong == "unknown" else ca)
    with receiver(tls) as (port, received):
        told = run(state, f"{scheme}://{host}:{port}", "--ca", given, exit_code=1).stderr

    assert "certificate" in told.lower()
    assert received == []
    assert list(state.glob("*.cursor")) == []


def test_a_server_that_goes_away_in_between_gets_all_again(state: Path, tmp_path: Path) -> None:
    ca, tls = an_authority(tmp_path, "siem")
    place = ["--ca", str(ca), "--cursor", str(tmp_path / "cursor")]
    with receiver(most=100) as (port, _):
        run(state, f"syslog+tls://127.0.0.1:{port}", *place, exit_code=1)
    with receiver(tls) as (port, received):
        run(state, f"syslog+tls://127.0.0.1:{port}", *place)

    assert messages(received) == [0, 1, 2, 3, 4, 5]


def test_https_takes_events_a_token_and_a_certificate_of_ours(
    state: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ca, tls = an_authority(tmp_path, "siem")
    own, _ = an_authority(tmp_path, "gateway")
    pair = tmp_path / "pair.pem"
    pair.write_text(own.read_text() + own.with_suffix(".key").read_text())
    tls.load_verify_locations(own)
    tls.verify_mode = ssl.CERT_REQUIRED
    monkeypatch.setenv("SIEM_TOKEN", "the-token-of-the-siem")
    monkeypatch.setenv("HTTPS_PROXY", "http://127.0.0.1:9")  # it goes straight
    with collector(tls=tls) as (url, server):
        refused = run(state, url, "--ca", str(ca), "--token-env", "SIEM_TOKEN", exit_code=1)
        run(state, url, "--ca", str(ca), "--token-env", "SIEM_TOKEN", "--certificate", str(pair))

    assert "the-token" not in refused.output
    assert server.tokens == ["Bearer the-token-of-the-siem"]
    assert [sequences(body) for body in server.bodies] == [[0, 1, 2, 3, 4, 5]]


@pytest.mark.parametrize("option", ["--ca", "--certificate"])
def test_certificates_that_cannot_be_read_or_would_not_be_used_are_refused(
    state: Path, tmp_path: Path, option: str
) -> None:
    (tmp_path / "empty").touch()

    assert "can be read there" in run(state, "https://siem", option, str(tmp_path / "empty"), exit_code=78).stderr
    assert "are for https" in run(state, "syslog+tcp://siem", option, str(tmp_path / "empty"), exit_code=78).stderr


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


def test_events_go_in_the_clear_to_this_host_alone() -> None:
    with pytest.raises(ConfigError, match="https only"):
        sink("http://siem.example/events")


def test_a_token_never_goes_in_the_clear() -> None:
    with pytest.raises(ConfigError, match="https only"):
        sink("http://host/x", "token")


@given(st.text())
def test_a_syslog_message_holds_the_text_as_it_is(text: str) -> None:
    text = text.encode("utf-8", "replace").decode()
    message = syslog(Line("2026-01-01T12:00:01.000Z", "request", 6, text), "host")

    assert message.partition(b"\xef\xbb\xbf")[2].decode() == text
