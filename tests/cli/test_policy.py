from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from weighlock.adapters.rulebook import shipped
from weighlock.cli import main
from weighlock.cli.common import EXIT_CONFIG, EXIT_WRONG


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
