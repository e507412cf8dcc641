from __future__ import annotations

import datetime
from pathlib import Path
from typing import Any

import pytest

from builders import a_principal
from jwts import ALL, AUDIENCE, NOW, URL, a_token, an_issuer, claims, key_pair
from weighlock.adapters.identifier import Identifier
from weighlock.adapters.jwks import Jwks
from weighlock.adapters.rulebook import IdentityRules
from weighlock.approval.lifecycle import Approver
from weighlock.errors import Refused
from weighlock.identity import tokens
from weighlock.identity.cutoffs import Cutoff
from weighlock.identity.workloads import Workload
from weighlock.model import Principal, Token

APPROVALS = "weighlock-approvals"
NIGHTLY = Workload("nightly", "dana@example.com", URL, {"repository_id": "1234"})
CUT = Cutoff(1, "owner", "dana@example.com", "left", "ops", 1.0)


def rules(*workloads: Workload, **issuer: Any) -> IdentityRules:
    known = an_issuer(**{"approver_audience": APPROVALS} | issuer)
    return IdentityRules({known.url: known}, workloads or (NIGHTLY,))


def an_identifier(fetched: list[str] | None = None) -> Identifier:
    def load(source: str, _: Path) -> Any:
        if fetched is not None:
            fetched.append(source)
        return {"keys": [key_pair(alg, alg).jwk() for alg in ALL]}

    return Identifier(Jwks(Path(), lambda: 0.0, load), lambda: NOW)


def a_call_token(alg: str = "EdDSA", **given: Any) -> str:
    return a_token(key_pair(alg, alg), **{"repository_id": "1234"} | given)


async def identified(raw: str, known: IdentityRules | None = None, *cut: Cutoff) -> Principal:
    return await an_identifier().identify(Token("authorization", raw), known or rules(), cut)


async def refusal(raw: str, known: IdentityRules | None = None, *cut: Cutoff) -> str:
    with pytest.raises(Refused) as caught:
        await identified(raw, known, *cut)
    return caught.value.code


@pytest.mark.parametrize("alg", ALL)
async def test_a_good_token_becomes_a_principal(alg: str) -> None:
    raw = a_call_token(alg, groups=["ci", 5, "dev"])

    assert await identified(raw) == Principal(
        issuer=URL,
        subject="repo:acme/nightly",
        workload="nightly",
        owner="dana@example.com",
        groups=frozenset({"ci", "dev"}),
        claims=claims(repository_id="1234", groups=["ci", 5, "dev"]),
        token_id=tokens.peek(raw).token_id,
        expires_at=NOW + 600,
    )


@pytest.mark.parametrize("groups", [None, "ci", {"ci": 1}, 5, []])
async def test_groups_that_are_no_list_are_none(groups: Any) -> None:
    assert (await identified(a_call_token(groups=groups))).groups == frozenset()


async def test_groups_may_have_another_name() -> None:
    named = rules(groups_claim="roles")

    assert (await identified(a_call_token(groups=["a"], roles=["b"]), named)).groups == frozenset({"b"})


@pytest.mark.parametrize(
    ("given", "code"),
    [
        ({"iss": URL + "/"}, "issuer-unknown"),
        ({"aud": APPROVALS}, "audience-wrong"),
        ({"aud": [AUDIENCE, APPROVALS]}, "audience-wrong"),
        ({"exp": int(NOW) - 60, "iat": int(NOW) - 90}, "token-expired"),
        ({"repository_id": "1"}, "workload-unknown"),
        ({"sub": ""}, "subject-missing"),
    ],
)
async def test_a_token_that_is_not_good_is_refused(given: dict[str, Any], code: str) -> None:
    assert await refusal(a_call_token(**given)) == code


async def test_an_unknown_issuer_or_algorithm_costs_no_fetch() -> None:
    fetched: list[str] = []
    identifier = an_identifier(fetched)
    for raw, known in (
        (a_call_token(iss="https://evil.example"), rules()),
        (a_call_token(), rules(algorithms=("RS256",))),
        ("a.b.c", rules()),
    ):
        with pytest.raises(Refused):
            await identifier.identify(Token("authorization", raw), known, ())
    assert fetched == []

    await identifier.identify(Token("authorization", a_call_token()), rules(), ())
    assert fetched == ["file:jwks.json"]


async def test_a_workload_ends_by_the_clock_in_utc() -> None:
    today = datetime.date(2027, 1, 15)
    ending = [Workload("nightly", "d", URL, NIGHTLY.claims, day) for day in (today, today.replace(day=14))]

    assert (await identified(a_call_token(), rules(ending[0]))).workload == "nightly"
    assert await refusal(a_call_token(), rules(ending[1])) == "workload-ended"


async def test_a_cutoff_refuses_a_good_token_and_one_that_is_under_way() -> None:
    assert await refusal(a_call_token(), None, CUT) == "cut-off"
    identifier, principal = an_identifier(), await identified(a_call_token())
    identifier.recheck(principal, [])
    with pytest.raises(Refused, match="cut-off"):
        identifier.recheck(principal, [CUT])


def test_a_token_that_expires_meanwhile_does_not_end_what_is_under_way() -> None:
    principal = a_principal(expires_at=NOW - 1000)
    an_identifier().recheck(principal, [])
    with pytest.raises(Refused):
        an_identifier().recheck(principal, [CUT])


# -- approvers ---------------------------------------------------------------------------------------------------------


def a_person(**given: Any) -> str:
    person = {"aud": APPROVALS, "sub": "u-7", "email": "lee@example.com", "groups": ["leads"]}
    return a_token(key_pair("EdDSA", "EdDSA"), **person | given)


async def test_an_approvers_token_becomes_an_approver() -> None:
    assert await an_identifier().approver(a_person(), rules(), ()) == Approver(
        URL, "u-7", "lee@example.com", frozenset({"leads"})
    )


@pytest.mark.parametrize("email", [None, 5, ["lee@example.com"]])
async def test_an_email_that_is_no_text_is_none(email: Any) -> None:
    assert (await an_identifier().approver(a_person(email=email), rules(), ())).email == ""


@pytest.mark.parametrize(
    ("raw", "known", "code"),
    [
        (a_call_token(), rules(), "audience-wrong"),
        (a_person(aud=[APPROVALS, AUDIENCE]), rules(), "audience-wrong"),
        (a_person(), rules(approver_audience=""), "issuer-no-approvers"),
        (a_person(aud=""), rules(approver_audience=""), "issuer-no-approvers"),
        (a_person(iss="https://evil.example"), rules(), "issuer-unknown"),
        (a_person(exp=int(NOW) - 60, iat=int(NOW) - 90), rules(), "token-expired"),
        ("x", rules(), "token-malformed"),
    ],
)
async def test_any_other_token_approves_nothing(raw: str, known: IdentityRules, code: str) -> None:
    with pytest.raises(Refused) as caught:
        await an_identifier().approver(raw, known, ())

    assert (caught.value.code, caught.value.status) == (code, 401)


@pytest.mark.parametrize(
    ("claim", "value"),
    [("sub", "u-7"), ("email", "Lee@Example.com"), ("owner", "lee@example.com"), ("groups", "leads")],
)
async def test_whoever_is_cut_off_approves_nothing(claim: str, value: str) -> None:
    cut = Cutoff(1, claim, value, "left", "ops", 1.0)
    with pytest.raises(Refused, match="cut-off"):
        await an_identifier().approver(a_person(), rules(), [cut])

    assert await an_identifier().approver(a_person(sub="u-8", email="kim@example.com", groups=[]), rules(), [cut])
