from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from weighlock.adapters import rulebook
from weighlock.cli import main
from weighlock.cli.catalogue import explained, known
from weighlock.cli.common import EXIT_CONFIG, EXIT_WRONG

DRAFT = """
id: badge
title: Number of a badge
level: low
entity: BADGE
tags: [pii]
pattern: '(?:^|[^A-Z])(?P<value>BDG-[0-9]{6})(?:[^0-9]|$)'
score: 0.5
match: ['badge BDG-{digit:6}']
clear: ['BDG-{digit:5}']
"""


def run(*arguments: str | Path, exit_code: int = 0) -> Result:
    result = CliRunner().invoke(main, ["rules", *map(str, arguments)])
    assert result.exit_code == exit_code, result.output
    return result


def told(*arguments: str | Path, exit_code: int = 0) -> Any:
    return json.loads(run(*arguments, "--json", exit_code=exit_code).stdout)


@pytest.fixture
def draft(tmp_path: Path) -> Path:
    file = tmp_path / "badge.yaml"
    file.write_text(DRAFT)
    return file


def test_rules_are_listed_with_their_families_and_what_models_find_beside_them() -> None:
    rows = {row["id"]: row for row in told("list")}

    assert {"pii", "secrets", "business", "ner"} <= {row["family"] for row in rows.values()}
    assert rows["email"] == {
        "id": "email",
        "family": "pii",
        "level": "medium",
        "entity": "EMAIL_ADDRESS",
        "title": "E-mail address",
        "tags": ["pii", "contact"],
    }
    assert rows["ner-person"]["entity"] == "PERSON"


def test_one_family_is_listed_alone() -> None:
    assert {row["family"] for row in told("list", "--family", "secrets")} == {"secrets"}
    assert run("list", "--family", "secrets").stdout.startswith("id ")
    assert "pii" in run("list", "--family", "piii", exit_code=2).stderr


def test_a_rule_is_tried_by_its_id_on_as_many_samples_as_asked_for() -> None:
    assert run("test", "email", "--samples", 2).stdout.startswith("ok: 1 rules, ")


def test_a_file_that_is_not_among_the_rules_yet_is_tried(draft: Path) -> None:
    assert run("test", draft).stdout == "ok: 1 rules, 2 examples, 10 samples of each\n"
    assert told("test", draft, "email")["rules"] == 2


def test_an_example_that_fails_is_named_with_a_sample_that_can_be_made_up_again(draft: Path) -> None:
    draft.write_text(DRAFT.replace("{6})(?:[^0-9]|$)", "{6})[^0-9]"))

    failed = told("test", draft, exit_code=EXIT_WRONG)
    again = told("test", draft, "--seed", failed["seed"], exit_code=EXIT_WRONG)

    (failure,) = failed["failures"]
    assert failure.items() >= {"rule": "badge", "example": "badge BDG-{digit:6}", "reason": "should match"}.items()
    assert again == failed
    shown = run("test", draft, exit_code=EXIT_WRONG).stdout
    assert "badge: 'badge BDG-{digit:6}' should match" in shown
    assert "1 FAILED (again with --seed " in shown


@pytest.mark.parametrize(
    ("change", "said"),
    [
        (("id: badge", "id: other"), "must be called other.yaml"),
        (("BDG-[0-9]", "(?=BDG-)[0-9]"), "badge.yaml:7:10: not a regular expression of RE2"),
        (("score: 0.5\n", ""), "'score' is missing"),
    ],
    ids=["name", "pattern", "member"],
)
def test_a_rule_that_cannot_be_used_is_told_with_its_place(draft: Path, change: tuple[str, str], said: str) -> None:
    draft.write_text(DRAFT.replace(*change))

    assert said in run("test", draft, exit_code=EXIT_CONFIG).stderr


def test_what_does_not_exist_is_told(tmp_path: Path) -> None:
    assert "did you mean 'email'" in run("test", "emial", exit_code=2).stderr
    assert "cannot be read" in run("test", tmp_path / "none.yaml", exit_code=EXIT_CONFIG).stderr


def test_a_rule_is_explained_with_all_that_a_person_may_ask() -> None:
    said = told("explain", "credit-card-by-name")

    assert said.items() >= {"entity": "CREDIT_CARD", "level": "high", "tags": "pii, financial"}.items()
    assert said["file"] == "detect/pii/credit-card-by-name.yaml"
    assert said["validator"].startswith("luhn: ISO/IEC 7812")
    assert "visa" in said["context"]
    assert "numbers-are-masked: mask in request and response" in said["policy"]
    shown = run("explain", "credit-card-by-name").stdout
    assert shown.startswith("credit-card-by-name: Number that is called a card's\n")
    assert all(example in shown for example in said["matches"] + said["clear"])


def test_what_a_model_finds_is_explained_by_the_id_that_stands_with_a_finding() -> None:
    said = told("explain", "ner-person")

    assert "models" in said["found by"]
    assert "people-get-pseudonyms: mask in request and response" in said["policy"]


def test_every_rule_can_be_explained_and_a_statement_speaks_of_it() -> None:
    files = rulebook.read(rulebook.shipped())
    policies = [dict(explained(one, files))["policy"] for one in known(files)]

    assert len(policies) > 100
    assert not [said for said in policies if "uncovered" in said[0]]


def test_a_threshold_is_told_with_what_it_holds_for() -> None:
    files = {**rulebook.read(rulebook.shipped()), "detect/thresholds.yaml": "PERSON: 0.7"}
    told = {one.rule.id: dict(explained(one, files)) for one in known(files)}

    assert told["ner-person"]["threshold"] == "what has a score below 0.7 does not count"
    assert "threshold" not in told["email"]
