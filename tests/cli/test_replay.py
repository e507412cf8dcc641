from __future__ import annotations

import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result
from mitmproxy import http
from mitmproxy.io import read_flows_from_paths
from pyrage import x25519

from builders import a_principal
from ledgers import a_verdict, an_exchange, ledger_file
from weighlock.cli.replay import replay
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind
from weighlock.wire import message

SENT = message.encode("POST /v1 HTTP/1.1", (), b"jane@example.com")
FORWARDED = message.encode("POST /v1 HTTP/1.1", (), b"<EMAIL_ADDRESS>")
ANSWER = message.encode("HTTP/1.1 200 OK", (), b"hello")


@pytest.fixture
def state(tmp_path: Path) -> Path:
    entries = []
    for number, workload in enumerate(("nightly", "weekly")):
        exchange = an_exchange(id=str(number) * 32, principal=a_principal(workload=workload))
        answer = entry.response_body(exchange, status=200, findings=(), verdict=a_verdict(), refused=None)
        entries += [
            (
                Kind.REQUEST,
                entry.request_body(exchange),
                {"request.sent": SENT, "request.forwarded": FORWARDED},
            ),
            (Kind.RESPONSE, answer, {"response.received": ANSWER, "response.delivered": ANSWER}),
        ]
    ledger_file(tmp_path / "state", entries)
    return tmp_path / "state"


def run(state: Path, *arguments: str | Path, exit_code: int = 0) -> Result:
    command = ["export", "--state", str(state), "-o", str(state.parent / "out.flow"), *map(str, arguments)]
    result = CliRunner().invoke(replay, command)
    assert result.exit_code == exit_code, result.output
    return result


def flows(state: Path) -> list[http.HTTPFlow]:
    return [flow for flow in read_flows_from_paths([state.parent / "out.flow"]) if isinstance(flow, http.HTTPFlow)]


def test_the_record_becomes_a_flow_file_for_its_owner_alone(state: Path) -> None:
    output = run(state).stdout

    assert output.startswith("2 flows in ")
    assert [flow.request.content for flow in flows(state)] == [b"<EMAIL_ADDRESS>"] * 2
    assert stat.S_IMODE((state.parent / "out.flow").stat().st_mode) == 0o600
    assert {path.name for path in state.parent.iterdir()} == {"state", "out.flow"}


def test_another_view_is_another_message(state: Path) -> None:
    run(state, "--view", "client")

    assert flows(state)[0].request.content == b"jane@example.com"


def test_one_workload_can_be_chosen(state: Path) -> None:
    run(state, "--workload", "weekly")

    assert [flow.id for flow in flows(state)] == ["1" * 32]


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ((), 2),
        (("1" * 32,), 1),
        (("0", "1"), 2),
        (("9",), 0),
        (("--principal", "dana"), 2),
        (("--principal", "repo:acme/nightly"), 2),
        (("--principal", "casey"), 0),
        (("--entity", "EMAIL_ADDRESS"), 0),
        (("--verdict", "allow"), 2),
        (("--verdict", "refused"), 0),
        (("--until", "2026-01-01T12:00:01Z"), 2),
        (("--until", "2026-01-01T11:00:00Z"), 0),
    ],
    ids=lambda value: " ".join(value) or "all" if isinstance(value, tuple) else str(value),
)
def test_exchanges_can_be_chosen(state: Path, asked: tuple[str, ...], found: int) -> None:
    assert run(state, *asked).stdout.startswith(f"{found} flows")


@pytest.mark.parametrize(("form", "begins"), [("har", b'{"log"'), ("jsonl", b'{"exchange"')])
def test_other_formats_can_be_asked_for(state: Path, form: str, begins: bytes) -> None:
    assert run(state, "--format", form).stdout.startswith("2 ")
    assert (state.parent / "out.flow").read_bytes().startswith(begins)


def test_a_response_is_played_with_what_it_was_on_the_side(state: Path) -> None:
    done = CliRunner().invoke(replay, ["play", "1" * 32, "--state", str(state), "--speed", "1000"])

    assert done.exit_code == 0, done.output
    assert done.stdout == "hello\n"
    assert done.stderr.startswith(f"-- {'1' * 32} · allow · model-calls · weekly of dana")


def test_an_exchange_that_is_not_recorded_cannot_be_played(state: Path) -> None:
    done = CliRunner().invoke(replay, ["play", "abc", "--state", str(state)])

    assert done.exit_code == 78
    assert "no such exchange is recorded" in done.stderr


def test_old_exchanges_can_be_left_out(state: Path) -> None:
    assert run(state, "--since", "2026-01-01T12:00:02Z").stdout.startswith("0 flows")
    assert run(state, "--since", "2026-01-01T12:00:01Z").stdout.startswith("2 flows")


def test_the_auditors_key_may_lie_elsewhere(state: Path) -> None:
    (state / "auditor.key").rename(state.parent / "usb.key")

    assert "name it with --identity" in run(state, exit_code=78).stderr
    assert run(state, "--identity", state.parent / "usb.key").stdout.startswith("2 flows")


def test_a_strangers_key_opens_nothing_and_leaves_nothing(state: Path) -> None:
    (state.parent / "other.key").write_text(f"{x25519.Identity.generate()}\n")

    error = run(state, "--identity", state.parent / "other.key", exit_code=78).stderr

    assert "does not open" in error
    assert {path.name for path in state.parent.iterdir()} == {"state", "other.key"}


def test_a_key_file_that_is_none_is_not_quoted(state: Path) -> None:
    (state.parent / "other.key").write_text("AGE-SECRET-KEY-1SOMETHING\n")

    assert "1SOMETHING" not in run(state, "--identity", state.parent / "other.key", exit_code=78).output


def test_a_place_that_cannot_be_written_is_said(state: Path) -> None:
    assert "cannot be written" in run(state, "-o", state / "no" / "such", exit_code=78).stderr
