"""The shipped identity rules, and what a real platform's token makes of them."""

from __future__ import annotations

import datetime
import re
from pathlib import Path
from typing import Any

import pytest

from weighlock import rulefile
from weighlock.errors import Forbidden
from weighlock.identity import issuers, people, transmitters, workloads
from weighlock.identity.presets import PRESETS
from weighlock.identity.workloads import Workload

FOLDER = Path(__file__).parents[2] / "rules" / "identity"
GITHUB = "https://token.actions.githubusercontent.com"
TODAY = datetime.date(2026, 11, 23)


def node(text: str) -> rulefile.Node:
    return rulefile.parse(text, "file.yaml")


def registered() -> tuple[Workload, ...]:
    known = people.parse(node((FOLDER / "people.yaml").read_text("utf-8")))
    return workloads.parse(node((FOLDER / "workloads.yaml").read_text("utf-8")), known)


def github_claims(**given: Any) -> dict[str, Any]:
    """As GitHub Actions writes them: ids as text."""
    usual = {
        "sub": "repo:acme@1/nightly@123456789:ref:refs/heads/main",
        "repository": "acme/nightly",
        "repository_id": "123456789",
        "event_name": "schedule",
        "actor": "dana",
        "actor_id": "1047",
    }
    return usual | given


def test_github_is_believed_for_our_audience_with_the_person_named() -> None:
    issuer = issuers.parse(node((FOLDER / "issuers.yaml").read_text("utf-8")))[GITHUB]
    assert issuer.audience == "weighlock"
    assert issuer.approver_audience == ""
    assert {"repository_id", "actor_id"} <= set(issuer.required)
    assert issuer.max_lifetime <= 3600


def test_the_commented_issuers_are_good_as_they_stand() -> None:
    text = (FOLDER / "issuers.yaml").read_text("utf-8")
    commented = re.findall(r"^  # ((?:- |  ).*\n)", text, re.MULTILINE)
    parsed = issuers.parse(node(text + "".join(f"  {line}" for line in commented)))
    assert len(parsed) == 1 + sum(line.startswith("- ") for line in commented) == 10
    assert any(issuer.approver_audience for issuer in parsed.values())
    assert any(issuer.introspection for issuer in parsed.values())
    assert all(name in text for name in PRESETS)


@pytest.mark.parametrize(
    "claims",
    [
        github_claims(),
        github_claims(sub="repo:acme/nightly:ref:refs/heads/main"),
        github_claims(repository="acme/renamed"),
        github_claims(repository_id=123456789),
    ],
    ids=["new-sub", "old-sub", "renamed", "id-as-number"],
)
def test_the_example_workload_is_found_by_its_ids_whatever_its_names(claims: dict[str, Any]) -> None:
    workload = workloads.match(registered(), GITHUB, claims)
    workloads.check(workload, TODAY)
    assert workload.owner.id == "dana"


@pytest.mark.parametrize(
    "claims",
    [github_claims(repository_id="987654321"), github_claims(event_name="pull_request")],
    ids=["same-name-registered-again", "pull-request"],
)
def test_a_squatter_and_a_pull_request_are_not_it(claims: dict[str, Any]) -> None:
    with pytest.raises(Forbidden, match="workload-unknown"):
        workloads.match(registered(), GITHUB, claims)


def examples(containing: str) -> str:
    """The one YAML example in the rules' README that has this line."""
    readme = (FOLDER.parent / "README.md").read_text("utf-8")
    (found,) = [
        block for block in re.findall(r"```yaml\n(.*?)```", readme, re.DOTALL) if f"\n{containing}" in f"\n{block}"
    ]
    return str(found)


def test_the_readmes_person_workload_and_transmitter_are_good_as_they_stand() -> None:
    both = examples("people:")
    listed, _, rest = both.partition("\nworkloads:")
    known = people.parse(node(listed))
    (workload,) = workloads.parse(node(f"workloads:{rest}"), known)

    assert workload.owner is known[0]
    assert (workload.job, workload.models) == (5400.0, {"gpt-5-mini"})
    (transmitter,) = transmitters.parse(node(examples("transmitters:")), {}).values()
    assert transmitter.push
    assert transmitter.poll
