"""A statement that names what is not there would never apply, and nobody would know."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from weighlock.adapters.rulebook import Rules, compiled, read, shipped
from weighlock.errors import ConfigError
from weighlock.masking.operators import OPERATORS


def with_statement(tmp_path: Path, match: str) -> Rules:
    folder = Path(shutil.copytree(shipped(), tmp_path / "rules", ignore=shutil.ignore_patterns("*.cases.yaml")))
    (folder / "policy" / "more.yaml").write_text(f"statements:\n  - {{id: more, effect: block, {match}}}\n")
    return compiled(read(folder), OPERATORS)


@pytest.mark.parametrize(
    ("match", "said"),
    [
        (
            "findings: {entities: [EMAIL_ADRESS]}",
            "'EMAIL_ADRESS' among entities: there is none; did you mean 'EMAIL_ADD",
        ),
        ("findings: {tags: [secrets]}", "'secrets' among tags: there is none; did you mean 'secret'?"),
        ("findings: {tags: [pii, unheard-of]}", "'unheard-of' among tags: there is none"),
        ("calls: {destinations: [opneai]}", "'opneai' among destinations: there is none; did you mean 'openai'?"),
        ("calls: {dialects: [antropic]}", "'antropic' among dialects: there is none"),
        ("calls: {operations: [chat.completion]}", "did you mean 'chat.completions'?"),
        ("principals: {workloads: [example-nightl]}", "did you mean 'example-nightly'?"),
        ("principals: {issuers: ['https://elsewhere.example']}", "among issuers: there is none"),
    ],
)
def test_a_name_that_nobody_knows_is_refused_with_the_nearest(tmp_path: Path, match: str, said: str) -> None:
    with pytest.raises(ConfigError) as caught:
        with_statement(tmp_path, match)

    assert str(caught.value).startswith("policy/more.yaml:2:5: statement 'more' names ")
    assert said in str(caught.value)


@pytest.mark.parametrize(
    "match",
    [
        "findings: {entities: [PERSON, US_SSN], tags: [place, financial]}",
        "calls: {destinations: [openai], dialects: [generic], models: [any], operations: [POST any]}",
        "principals: {workloads: [example-nightly], owners: [dana], groups: [any]}",
    ],
)
def test_names_that_are_there_or_are_the_callers_own_are_free(tmp_path: Path, match: str) -> None:
    assert "more" in {statement.id for statement in with_statement(tmp_path, match).policy.statements}
