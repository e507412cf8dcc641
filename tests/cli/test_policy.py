from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from builders import a_call, a_finding, a_principal
from ledgers import an_exchange, ledger_file
from weighlock.adapters.journal import policy_draft
from weighlock.adapters.rulebook import shipped
from weighlock.cli import main
from weighlock.cli.common import EXIT_CONFIG, EXIT_WRONG
from weighlock.cli.policy import load
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind
from weighlock.model import Direction
from weighlock.policy.decide import decide


def run(*arguments: str | Path, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["policy", *map(str, arguments)])
    assert result.exit_code == exit_code, result.output
    return result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return Path(shutil.copytree(shipped(), tmp_path / "rules"))


def add(folder: Path, *statements: str) -> None:
    text = "".join(f"  - {{{statement}}}\n" for statement in statements)
    (folder / "policy" / "more.yaml").write_text(f"statements:\n{text}")


def test_the_shipped_policy_is_good_without_a_warning() -> None:
    assert run("check").output.startswith("ok: 12 statements; rules ")


def test_what_the_gateway_would_not_take_is_told_with_its_place(folder: Path) -> None:
    add(folder, "id: a, efect: allow")

    assert run("check", folder, exit_code=EXIT_CONFIG).stderr == (
        "weighlock: policy/more.yaml:2:20: unknown key 'efect'; did you mean 'effect'?\n"
    )


def test_two_operators_for_one_entity_are_refused(folder: Path) -> None:
    add(folder, "id: a, effect: mask, findings: {entities: [PERSON, DATE_OF_BIRTH], tags: [contact]}, operator: redact")

    said = run("check", folder, exit_code=EXIT_CONFIG).stderr
    assert "policy/default.yaml:" in said
    assert "is masked by 'a' too, with another operator" in said


def test_what_is_seldom_meant_is_warned_of(folder: Path) -> None:
    add(
        folder,
        "id: a, effect: block, direction: request, findings: {entities: [EMAIL_ADDRESS], level: critical}",
        "id: b, effect: hold, direction: request, findings: {tags: [secret]}, approvers: {groups: [x]}",
    )

    output = run("check", folder).output
    assert "warning: policy/more.yaml:2:5: statement 'a' can never match: nothing that is found" in output
    assert "warning: policy/more.yaml:3:5: statement 'b' makes no difference: 'secrets-never-leave' is" in output
    told: Any = json.loads(run("check", folder, "--json").stdout)
    assert (told["statements"], len(told["warnings"])) == (14, 2)


def test_the_schema_is_printed() -> None:
    assert json.loads(run("schema").stdout)["properties"]["statements"]["type"] == "array"


def test_the_cases_of_the_shipped_policy_hold() -> None:
    assert run("test").output == "ok: 15 cases\n"


def test_a_case_that_fails_keeps_a_policy_out_and_is_told(folder: Path) -> None:
    (folder / "policy" / "more.cases.yaml").write_text("cases:\n  - {name: all is well, expect: {action: hold}}\n")
    wrong = "action allow, not hold (because workloads-may-call)"

    assert f"more.cases.yaml:2:5: the case 'all is well' fails: {wrong}" in run("check", folder, exit_code=78).stderr
    output = run("test", folder, exit_code=EXIT_WRONG).output
    assert output == f"policy/more.cases.yaml:2:5: all is well: {wrong}\n1 FAILED: 16 cases\n"
    told: Any = json.loads(run("test", folder, "--json", exit_code=EXIT_WRONG).stdout)
    assert told["failures"] == [{"case": "all is well", "where": "policy/more.cases.yaml:2:5", "wrong": wrong}]


def test_the_case_of_a_slow_leak_is_told_by_what_was_counted(folder: Path) -> None:
    over = "{of: workload, within: 24h, distinct: {EMAIL_ADDRESS: 50}}"
    add(folder, f"id: slow-leak, effect: block, direction: request, over: {over}")
    counts = over.replace("50", "51")
    (folder / "policy" / "more.cases.yaml").write_text(
        f"cases:\n  - {{name: a, counts: [{counts}], expect: {{action: block, because: [slow-leak]}}}}\n"
        f"  - {{name: b, counts: [{over}], expect: {{action: allow}}}}\n"
    )

    assert run("test", folder).output == "ok: 17 cases\n"
    add(folder, f"id: slow-leak, effect: block, over: {over.replace('EMAIL', 'EMIAL')}")
    said = run("check", folder, exit_code=EXIT_CONFIG).stderr
    assert "names 'EMIAL_ADDRESS' among what is distinct: there is none; did you mean 'EMAIL_ADDRESS'?" in said


# -- from the ledger ---------------------------------------------------------------------------------------------------

ID = "01JAAAAAAAAAAAAAAAAAAAAAAA"


@pytest.fixture
def state(tmp_path: Path, folder: Path) -> Path:
    """A gateway that ran with the shipped rules, and then with one more statement."""
    first = load(folder)
    add(folder, "id: watched, effect: block, mode: shadow, findings: {entities: [EMAIL_ADDRESS]}")
    second = load(folder)
    found = (a_finding(tags=frozenset({"pii", "contact"})),)
    exchange = an_exchange(findings=found)
    verdict = decide(second.policy, a_principal(), a_call("x"), found, Direction.REQUEST)
    exchange.verdict, exchange.id = verdict, ID
    reply = decide(second.policy, a_principal(), a_call("x"), (), Direction.RESPONSE)
    ledger_file(
        tmp_path / "state",
        [
            (Kind.START, entry.control_body("start"), {}),
            *((Kind.CONTROL, policy_draft(rules).body, {}) for rules in (first, second)),
            (Kind.REQUEST, entry.request_body(exchange), {}),
            (
                Kind.RESPONSE,
                entry.response_body(exchange, status=200, findings=(), verdict=reply, refused=None),
                {},
            ),
        ],
    )
    return tmp_path / "state"


def test_all_policies_that_were_in_force_are_listed_and_shown(state: Path, folder: Path) -> None:
    listed = json.loads(run("show", "--state", state, "--json").stdout)

    assert [one["rules"] for one in listed][1] == load(folder).digest
    assert len({one["policy"] for one in listed}) == 2
    assert "id: watched" not in run("show", listed[0]["rules"][:12], "--state", state).stdout
    files = json.loads(run("show", listed[1]["policy"], "--state", state, "--json").stdout)
    assert set(files) == {"policy/default.yaml", "policy/more.yaml"}
    assert "id: watched" in run("show", listed[1]["rules"][:12], "--state", state).stdout


@pytest.mark.parametrize(
    ("digest", "said"), [("beef", "6 characters"), ("beefbeef", "no such policy was ever in force")]
)
def test_a_digest_of_no_policy_is_told(state: Path, digest: str, said: str) -> None:
    assert said in run("show", digest, "--state", state, exit_code=EXIT_CONFIG).stderr


def test_two_policies_differ_by_statement(state: Path, folder: Path) -> None:
    first, second = (one["rules"] for one in json.loads(run("show", "--state", state, "--json").stdout))

    assert run("diff", first, second, "--state", state, exit_code=EXIT_WRONG).output == (
        "watched\n"
        "  effect: (nothing) → block\n"
        "  mode: (nothing) → shadow\n"
        "  findings.entities: (nothing) → EMAIL_ADDRESS\n"
    )
    assert run("diff", second, folder, "--state", state).output == "no difference\n"
    told = json.loads(run("diff", second, first, "--state", state, "--json", exit_code=EXIT_WRONG).stdout)
    assert told[0] == {"statement": "watched", "member": "effect", "old": "block", "new": ""}


def test_an_exchange_is_explained_statement_by_statement(state: Path) -> None:
    lines = [line.strip() for line in run("explain", ID, "--state", state).output.splitlines()]
    request, reply = (at for at, line in enumerate(lines) if "by rules" in line)

    assert lines[request].startswith("request (entry 3, ")
    assert ": mask, by rules " in lines[request]
    assert {
        "decided   people-get-pseudonyms: mask",
        "matched   workloads-may-call: allow, and another is stricter",
        "watched   watched: block, were it in force; then all: block",
        "no match  secrets-never-leave: nothing that it speaks of was found",
        "no match  secrets-are-cut-from-replies: it is about the response",
        "no match  bulk-export-needs-a-second-pair-of-eyes: 1 of 10 findings that it speaks of",
    } <= set(lines[request:reply])
    assert "decided   workloads-may-call: allow" in lines[reply:]
    assert len(lines) == 2 * 14


def test_an_exchange_that_is_not_there_is_told(state: Path) -> None:
    assert "there is no such exchange" in run("explain", "nobody", "--state", state, exit_code=EXIT_CONFIG).stderr
