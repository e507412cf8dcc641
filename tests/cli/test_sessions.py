from __future__ import annotations

import json
import sqlite3
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from builders import a_finding, a_principal
from held import NOW, an_approval
from ledgers import a_verdict, an_exchange, ledger_file
from weighlock.adapters.stores.ledgerfile import NAME
from weighlock.adapters.stores.ledgerindex import NAME as INDEX
from weighlock.cli.sessions import sessions
from weighlock.errors import Refused
from weighlock.holds import ApprovalState, Decision
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind
from weighlock.model import Action, OperatorSpec

_RUN = {"run_id": "9"}
_MAIL = "casey" + "@example.org"


def an_entry(id: str, kind: Kind = Kind.REQUEST, **given: Any) -> tuple[Kind, dict[str, Any], dict[str, bytes]]:
    payloads = given.pop("payloads", {})
    exchange = an_exchange(id=id, **given)
    if kind is Kind.REFUSAL:
        return kind, entry.refusal_body(exchange, Refused("token-expired", "Expired.")), payloads
    if kind is Kind.RESPONSE:
        made = entry.response_body(exchange, status=200, findings=(), verdict=a_verdict(), refused=None)
        return kind, made, payloads
    return kind, entry.request_body(exchange), payloads


@pytest.fixture
def state(tmp_path: Path) -> Path:
    folder = tmp_path / "state"
    first = a_principal(token_id="1" * 64, claims=_RUN)
    second = a_principal(token_id="2" * 64, claims=_RUN)
    other = a_principal(workload="weekly", subject="repo:acme/weekly", session="s-weekly", persons=frozenset({"kim"}))
    masked = a_verdict(action=Action.MASK, operators={"EMAIL_ADDRESS": OperatorSpec("pseudonym")})
    held = an_approval(ApprovalState.APPROVED, id="A1", decisions=(Decision("robin", True, "fine", NOW),))
    asked = json.dumps({"messages": [{"role": "user", "content": "write to <EMAIL_1>"}]}).encode()
    ledger_file(
        folder,
        [
            (Kind.START, entry.control_body("start"), {}),
            (Kind.APPROVAL, entry.approval_body(held, "e1"), {}),
            an_entry(
                "e1",
                principal=first,
                verdict=masked,
                findings=(a_finding(),),
                payloads={
                    "request.sent": b"POST /v1 HTTP/1.1\r\n\r\n" + _MAIL.encode(),
                    "request.forwarded": b"POST /v1 HTTP/1.1\r\n\r\n" + asked,
                },
            ),
            an_entry(
                "e1",
                Kind.RESPONSE,
                principal=first,
                payloads={
                    "response.delivered": b'HTTP/1.1 200 OK\r\n\r\ndata: {"choices":[{"delta":{"content":"Do"}}]}\n\n'
                    b'data: {"choices":[{"delta":{"content":"ne."}}]}\n\ndata: [DONE]\n\n'
                },
            ),
            an_entry("e2", Kind.REFUSAL, principal=second),
            an_entry("e3", principal=other),
            an_entry("e4", Kind.REFUSAL, principal=None, verdict=None, findings=None, call=None),
        ],
    )
    return folder


def run(*arguments: str | Path, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(sessions, [str(argument) for argument in arguments])
    assert result.exit_code == exit_code, result.output
    return result


def listed(state: Path, *arguments: str) -> list[str]:
    return [said["session"] for said in json.loads(run("list", "--json", "--state", state, *arguments).stdout)]


def test_sessions_are_listed_with_how_they_went(state: Path) -> None:
    lines = [line.split() for line in run("list", "--state", state).stdout.splitlines()]

    at = "2026-01-01T12:00:01.000Z"
    assert lines[0][:3] == ["session", "workload", "principal"]
    assert len(lines) == 3
    run_line = next(line for line in lines if line[0] == "nightly/run-9")
    assert run_line == ["nightly/run-9", "nightly", "repo:acme/nightly", at, at, "2", "refused", "EMAIL_ADDRESS", "×1"]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (("--workload", "weekly"), {"s-weekly"}),
        (("--principal", "kim"), {"s-weekly"}),
        (("--principal", "repo:acme/nightly"), {"nightly/run-9"}),
        (("--entity", "EMAIL_ADDRESS"), {"nightly/run-9"}),
        (("--verdict", "refused"), {"nightly/run-9"}),
        (("--verdict", "mask"), {"nightly/run-9"}),
        (("--verdict", "hold"), set()),
        (("--since", "2026-01-01T12:00:02Z"), set()),
        (("--until", "2026-01-01T12:00:00Z"), set()),
        (("--until", "2026-01-01T12:00:02Z"), {"s-weekly", "nightly/run-9"}),
        (("--text", "robin"), {"nightly/run-9"}),
        (("--text", "expired token"), {"nightly/run-9"}),
        (("--text", "casey"), set()),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_sessions_are_found_by_what_is_clear(state: Path, arguments: tuple[str, ...], expected: set[str]) -> None:
    assert set(listed(state, *arguments)) == expected


def test_a_search_that_cannot_be_read_is_said(state: Path) -> None:
    assert "cannot be searched" in CliRunner().invoke(sessions, ["list", "--state", str(state), "--text", '"']).output


def test_a_session_is_shown_turn_by_turn_without_a_key(state: Path) -> None:
    shown = run("show", "nightly/run", "--state", state).stdout

    assert "EMAIL_ADDRESS ×1 → " in shown
    assert "approval A1: approved by robin" in shown
    assert "decided by model-calls of policy dddddddddddd" in shown
    assert "refused: token-expired" in shown
    assert "write to" not in shown


def test_the_auditor_reads_what_was_said_and_never_what_was_masked(state: Path) -> None:
    shown = run("show", "nightly/run-9", "--state", state, "--auditor-key", state / "auditor.key").stdout

    assert "> user: write to <EMAIL_1>" in shown
    assert "< Done." in shown
    assert _MAIL not in shown


def test_programs_get_the_turns(state: Path) -> None:
    said = json.loads(run("show", "nightly/run-9", "--json", "--state", state).stdout)

    assert [turn["exchange"] for turn in said["turns"]] == ["e1", "e2"]
    assert said["turns"][0]["approvals"][0]["by"] == "robin"


def test_a_session_that_is_not_there_is_said(state: Path) -> None:
    assert "no such session" in run("show", "nothing", "--state", state, exit_code=1).stderr


def test_the_tail_shows_the_newest_entries_that_fit(state: Path) -> None:
    lines = run("tail", "--no-follow", "--workload", "nightly", "--limit", "2", "--state", state).stdout.splitlines()

    assert [line.split()[0] for line in lines] == ["3", "4"]


def test_the_index_is_made_once_and_continued(state: Path) -> None:
    listed(state)
    place = sqlite3.connect(state / INDEX).execute("SELECT next FROM place").fetchone()

    assert place == (7,)
    assert len(listed(state)) == 2


def test_an_index_of_another_ledger_is_made_anew(state: Path) -> None:
    listed(state)
    for path in state.glob(f"{NAME}*"):
        path.unlink()
    ledger_file(state, [an_entry("e9", principal=a_principal(session="new"))] * 8)

    assert listed(state) == ["new"]


def test_a_damaged_index_is_not_needed(state: Path) -> None:
    (state / INDEX).write_bytes(b"no database" * 100)

    assert len(listed(state)) == 2


def test_the_index_holds_no_payload(state: Path) -> None:
    listed(state)

    assert b"write to" not in (state / INDEX).read_bytes()


def a_chat(id: str, conversation: str, *said: str) -> tuple[Kind, dict[str, Any], dict[str, bytes]]:
    """An exchange that sends all that was *said*."""
    asked = json.dumps({"messages": [{"role": "user", "content": text} for text in said]}).encode()
    kind, body, payloads = an_entry(id, payloads={"request.forwarded": b"POST /v1 HTTP/1.1\r\n\r\n" + asked})
    return kind, body | {"conversation": conversation}, payloads


def test_conversations_of_one_run_are_told_apart_and_say_nothing_twice(tmp_path: Path) -> None:
    state = tmp_path / "state"
    chats = [
        a_chat("e1", "c1", "one"),
        a_chat("e2", "c2", "uno"),
        a_chat("e3", "c1", "one", "two"),
        a_chat("e4", "c2", "uno", "due"),
        a_chat("e5", "c1", "one", "two", "three"),
    ]
    ledger_file(state, [(Kind.START, entry.control_body("start"), {}), *chats])
    key = ["--auditor-key", str(state / "auditor.key")]

    (session,) = listed(state)
    told = run("show", session, *key, "--state", state).stdout
    assert [line.split()[0] + line[-4:] for line in told.splitlines() if line[:1].isdigit()] == [
        "1.(e1)",
        "3.(e3)",
        "5.(e5)",
        "2.(e2)",
        "4.(e4)",
    ]
    assert [line.strip() for line in told.splitlines() if line.startswith(("conversation", "   >"))] == [
        *("conversation c1", "> user: one", "> (1 texts as before)", "> user: two"),
        *("> (2 texts as before)", "> user: three"),
        *("conversation c2", "> user: uno", "> (1 texts as before)", "> user: due"),
    ]
    only = json.loads(run("show", session, "--conversation", "c2", "--json", "--state", state).stdout)
    assert [turn["exchange"] for turn in only["turns"]] == ["e2", "e4"]
    assert listed(state, "--conversation", "c2") == [session]
    assert listed(state, "--conversation", "c3") == []
    followed = run("tail", "--no-follow", "--conversation", "c1", "--json", "--state", state).stdout.splitlines()
    assert [json.loads(line)["body"]["exchange"] for line in followed] == ["e1", "e3", "e5"]
