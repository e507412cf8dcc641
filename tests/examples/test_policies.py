"""Each example of a policy is taken by the gateway as it stands, over the shipped rules, without a warning."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest
from click.testing import CliRunner

from builders import a_call, a_finding, a_principal
from demo.gateway import ROOT
from weighlock.adapters import rulebook
from weighlock.adapters.rulebook import Rules
from weighlock.cli import main
from weighlock.detection.material import ENTITIES
from weighlock.detection.rules import NER
from weighlock.masking.operators import OPERATORS
from weighlock.model import Direction
from weighlock.policy.decide import UNCOVERED, decide

POLICIES = sorted(path.name for path in (ROOT / "examples" / "policies").iterdir() if path.is_dir())


@pytest.fixture(scope="module", params=POLICIES)
def folder(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Put together as the README beside them says."""
    folder = Path(shutil.copytree(rulebook.shipped(), tmp_path_factory.mktemp("policy") / "rules"))
    shutil.copytree(ROOT / "examples" / "policies" / request.param, folder, dirs_exist_ok=True)
    return folder


@pytest.fixture(scope="module")
def rules(folder: Path) -> Rules:
    return rulebook.compiled(rulebook.read(folder), OPERATORS)


def run(*arguments: str | Path) -> str:
    result = CliRunner().invoke(main, ["policy", *map(str, arguments)])
    assert result.exit_code == 0, result.output
    return result.output


def test_there_is_one_for_each_kind_of_model() -> None:
    assert POLICIES == ["saas", "self-hosted"]


def test_it_is_checked_without_a_warning(folder: Path) -> None:
    assert run("check", folder).startswith("ok: ")
    assert "warning" not in run("check", folder)


def test_its_cases_hold_and_name_every_statement_that_decides(folder: Path, rules: Rules) -> None:
    assert run("test", folder).startswith("ok: ")
    _, cases = rulebook.checked(rulebook.read(folder), OPERATORS)
    named = {id for case in cases for id in case.because or ()}
    stricter = {one.id for one in rules.policy.statements if one.effect > 0 and one.mode == "enforce"}
    assert stricter <= named


@pytest.mark.parametrize("direction", Direction)
def test_it_speaks_of_everything_that_can_be_found(rules: Rules, direction: Direction) -> None:
    kinds = {rule.id: (rule.entity, rule.tags) for rule in rules.detect.rules}
    kinds |= {entity: (entity, tags) for entity, (_, tags) in (*NER.items(), *ENTITIES.items())}
    call = a_call("x", operation="chat.completions")
    uncovered = [
        name
        for name, (entity, tags) in kinds.items()
        if UNCOVERED
        in decide(
            rules.policy, a_principal(), call, [a_finding(entity, rule=name, tags=frozenset(tags))], direction
        ).because
    ]
    assert uncovered == []


def test_no_secret_leaves_under_it(rules: Rules) -> None:
    secrets = [rule for rule in rules.detect.rules if "secret" in rule.tags]
    assert len(secrets) > 100
    for rule in secrets:
        found = a_finding(rule.entity, rule=rule.id, level=rule.level, score=rule.score, tags=frozenset(rule.tags))
        call = a_call("x", operation="chat.completions")
        assert decide(rules.policy, a_principal(), call, [found], Direction.REQUEST).action.name == "BLOCK"
