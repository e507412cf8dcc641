from __future__ import annotations

import datetime
import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from sqlite_utils import Database

from builders import a_principal
from corpus import CORPUS, KEYS
from jwts import ALL, AUDIENCE, NOW, URL, a_token, an_issuer, claims, key_pair
from weighlock.adapters.identifier import Identifier
from weighlock.adapters.introspection import Introspection
from weighlock.adapters.jwks import Jwks
from weighlock.adapters.rulebook import IdentityRules
from weighlock.adapters.sessions import Sessions
from weighlock.adapters.stores.sessions import SCHEMA, SessionStore
from weighlock.approval.lifecycle import Approver
from weighlock.errors import Refused
from weighlock.identity import tokens
from weighlock.identity.cutoffs import Cutoff, Cutoffs
from weighlock.identity.issuers import Endpoint, Issuer
from weighlock.identity.people import Account, Person
from weighlock.identity.presets import PRESETS
from weighlock.identity.workloads import Workload
from weighlock.model import Principal, Token
from weighlock.wire import jsontext

APPROVALS = "weighlock-approvals"
DANA = Person("dana", ("dana@example.com",), (Account(URL, "actor_id", "7"),))
LEE = Person("lee", ("lee@example.com",), (Account(URL, "actor_id", "8"), Account(URL, "sub", "u-7")))
NIGHTLY = Workload("nightly", DANA, URL, {"repository_id": "1234"})
CUT = Cutoff(1, "person", "dana", "left", "ops", 1.0)
LEFT = datetime.date(2027, 1, 15)
"""The day that it is, by the clock of these tests."""


def rules(*workloads: Workload, **issuer: Any) -> IdentityRules:
    known = an_issuer(**{"approver_audience": APPROVALS} | issuer)
    return IdentityRules({known.url: known}, (DANA, LEE), workloads or (NIGHTLY,))


_OPEN: list[Database] = []


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    yield
    while _OPEN:
        _OPEN.pop().close()


def no_sessions() -> Sessions:
    _OPEN.append(database := Database(memory=True))
    database.conn.executescript(SCHEMA)
    return Sessions(SessionStore(database), lambda: NOW)


def an_identifier(
    fetched: list[str] | None = None, keys: Any = None, said: Mapping[str, Any] | None = None
) -> Identifier:
    """*keys* are those of every issuer; *said* is what an issuer says of an opaque token."""

    async def load(issuer: Issuer, _: Path) -> Any:
        if fetched is not None:
            fetched.append(issuer.jwks)
        return {"keys": keys or [key_pair(alg, alg).jwk() for alg in ALL]}

    async def ask(issuer: Issuer, token: str) -> Any:
        return jsontext.parse(json.dumps(said).encode()).value

    introspection = Introspection(lambda: NOW, lambda: 0.0, ask)
    return Identifier(Jwks(Path(), lambda: 0.0, load), introspection, no_sessions(), lambda: NOW)


def a_call_token(alg: str = "EdDSA", **given: Any) -> str:
    return a_token(key_pair(alg, alg), **{"repository_id": "1234"} | given)


async def identified(raw: str, known: IdentityRules | None = None, *cut: Cutoff) -> Principal:
    identifier = an_identifier()
    principal = await identifier.identify(Token("authorization", raw), known or rules())
    identifier.check(principal, known or rules(), Cutoffs(cut))
    return principal


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
        owner="dana",
        groups=frozenset({"ci", "dev"}),
        claims=claims(repository_id="1234", groups=["ci", 5, "dev"]),
        token_id=tokens.peek(raw).token_id,
        expires_at=NOW + 600,
        persons=frozenset({"dana"}),
    )


async def test_an_opaque_token_becomes_a_principal_by_what_its_issuer_says() -> None:
    known = rules(introspection=Endpoint("https://i.example/introspect", "gateway", "env:X", "oat_[a-z]{20}"))
    token = "oat_" + "a" * 20
    said = claims(repository_id="1234", client_id="nightly") | {"active": True, "token_type": "Bearer"}

    principal = await an_identifier(said=said).identify(Token("authorization", token), known)
    assert (principal.workload, principal.owner) == ("nightly", "dana")
    assert principal.token_id == hashlib.sha256(token.encode()).hexdigest()
    with pytest.raises(Refused, match="token-inactive"):
        await an_identifier(said={"active": False}).identify(Token("authorization", token), known)


@pytest.mark.parametrize("event", ["pull_request", "pull_request_target", "issue_comment", "workflow_run", None])
async def test_a_run_that_anybody_can_start_is_refused_unless_the_workload_names_it(event: str | None) -> None:
    github = rules(untrusted=PRESETS["github"].untrusted)
    raw = a_call_token(**({"event_name": event} if event else {}))

    assert await refusal(raw, github) == "run-untrusted"
    assert (await identified(a_call_token(event_name="schedule"), github)).workload == "nightly"
    named = replace(NIGHTLY, claims={"repository_id": "1234", "event_name": event or ""})
    if event:
        assert (await identified(raw, IdentityRules(github.issuers, (), (named,)))).workload == "nightly"


async def test_claims_that_stand_inside_others_name_people_too() -> None:
    uuid = "0f8fad5b-d9cb-469f-a165-70867728950e"
    circle = rules(derived=PRESETS["circleci"].derived)
    kim = Person("kim", (), (Account(URL, "sub/user", uuid),))
    raw = a_call_token(sub=f"org/1/project/2/user/{uuid}", **{"sub/user": "forged"})

    assert (await identified(raw, replace(circle, people=(kim,)))).persons == {"dana", "kim"}


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
        ({"aud": [AUDIENCE, APPROVALS]}, "audience-several"),
        ({"exp": int(NOW) - 60, "iat": int(NOW) - 90}, "token-expired"),
        ({"repository_id": "1"}, "workload-unknown"),
        ({"sub": ""}, "subject-missing"),
    ],
)
async def test_a_token_that_is_not_good_is_refused(given: dict[str, Any], code: str) -> None:
    assert await refusal(a_call_token(**given)) == code


async def test_every_bad_token_is_refused_on_the_whole_way_with_the_code_of_what_is_wrong() -> None:
    known = rules(algorithms=ALL, required=("repository_id",))
    identifier = an_identifier(keys=KEYS)
    told = {}
    for name, (make, _) in CORPUS.items():
        with pytest.raises(Refused) as caught:
            await identifier.identify(Token("authorization", make()), known)
        told[name] = caught.value.code

    assert told == {name: code for name, (_, code) in CORPUS.items()}


async def test_an_unknown_issuer_or_algorithm_costs_no_fetch() -> None:
    fetched: list[str] = []
    identifier = an_identifier(fetched)
    for raw, known in (
        (a_call_token(iss="https://evil.example"), rules()),
        (a_call_token(), rules(algorithms=("RS256",))),
        ("a.b.c", rules()),
    ):
        with pytest.raises(Refused):
            await identifier.identify(Token("authorization", raw), known)
    assert fetched == []

    await identifier.identify(Token("authorization", a_call_token()), rules())
    assert fetched == ["file:jwks.json"]


async def test_a_workload_ends_by_the_clock_in_utc() -> None:
    today = datetime.date(2027, 1, 15)
    ending = [replace(NIGHTLY, ends=day) for day in (today, today.replace(day=14))]

    assert (await identified(a_call_token(), rules(ending[0]))).workload == "nightly"
    assert await refusal(a_call_token(), rules(ending[1])) == "workload-ended"


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"owner": replace(DANA, departed=LEFT)}, "workload-orphaned"),
        ({"review": LEFT - datetime.timedelta(1)}, "workload-unreviewed"),
        ({"ends": LEFT - datetime.timedelta(1)}, "workload-ended"),
        ({"claims": {"repository_id": "1235"}}, "workload-unknown"),
        ({"id": "renamed"}, "workload-changed"),
    ],
)
async def test_what_the_rules_no_longer_know_ends_also_what_is_under_way(change: dict[str, Any], code: str) -> None:
    changed, principal = replace(NIGHTLY, **change), await identified(a_call_token())
    if code != "workload-changed":
        assert await refusal(a_call_token(), rules(changed)) == code
    with pytest.raises(Refused, match=code):
        an_identifier().check(principal, rules(changed), Cutoffs())


async def test_a_run_that_a_departed_person_started_is_refused_though_the_owner_is_another() -> None:
    gone = IdentityRules(rules().issuers, (DANA, replace(LEE, departed=LEFT)), (NIGHTLY,))
    later = IdentityRules(rules().issuers, (DANA, replace(LEE, departed=LEFT + datetime.timedelta(1))), (NIGHTLY,))

    assert await refusal(a_call_token(actor_id="8"), gone) == "person-departed"
    assert await refusal(a_call_token(actor_id=8), gone) == "person-departed"
    assert (await identified(a_call_token(actor_id="8"), later)).persons == {"dana", "lee"}
    assert (await identified(a_call_token(actor_id="9"), gone)).persons == {"dana"}


async def test_an_offboarded_person_is_hit_by_each_of_their_identifiers_alone() -> None:
    for claim, value, issuer in LEE.identifiers():
        cut = Cutoff(1, claim, value, "left", "ops", 1.0, issuer)
        started = a_call_token(actor_id="8", email="lee@example.com")
        assert await refused(started, cut) or await refused(a_call_token(sub="u-7"), cut), claim
        assert await identified(a_call_token(actor_id="9"), None, cut)


async def refused(raw: str, cut: Cutoff) -> bool:
    try:
        await identified(raw, None, cut)
    except Refused as refused:
        return refused.code == "cut-off"
    return False


async def test_a_cutoff_refuses_a_good_token_and_one_that_is_under_way() -> None:
    assert await refusal(a_call_token(), None, CUT) == "cut-off"
    identifier, principal = an_identifier(), await identified(a_call_token())
    identifier.check(principal, rules(), Cutoffs())
    with pytest.raises(Refused, match="cut-off"):
        identifier.check(principal, rules(), Cutoffs([CUT]))


def test_a_token_that_expires_meanwhile_does_not_end_what_is_under_way() -> None:
    principal = a_principal(issuer=URL, claims=claims(repository_id="1234"), expires_at=NOW - 1000)
    an_identifier().check(principal, rules(), Cutoffs())
    with pytest.raises(Refused):
        an_identifier().check(principal, rules(), Cutoffs([CUT]))


# -- approvers ---------------------------------------------------------------------------------------------------------


def a_person(**given: Any) -> str:
    person = {"aud": APPROVALS, "sub": "u-7", "email": "lee@example.com", "groups": ["leads"]}
    return a_token(key_pair("EdDSA", "EdDSA"), **person | given)


async def an_approver(raw: str, known: IdentityRules, cut: Cutoffs) -> Approver:
    identifier = an_identifier()
    return identifier.still(await identifier.person(raw, known), known, cut)


async def test_an_approvers_token_becomes_an_approver() -> None:
    named = frozenset({"u-7", "lee@example.com", "lee-codes"})
    for auth_time, since in ((int(NOW) - 500, NOW - 500), (None, NOW - 10), ("yesterday", NOW - 10)):
        token = a_person(preferred_username="Lee-Codes", auth_time=auth_time)
        assert await an_approver(token, rules(), Cutoffs()) == Approver(
            URL, "u-7", "lee@example.com", frozenset({"leads"}), frozenset({"lee"}), named, authenticated_at=since
        )


async def test_a_person_is_known_by_account_or_email_and_approves_nothing_once_departed() -> None:
    gone = IdentityRules(rules().issuers, (DANA, replace(LEE, departed=LEFT)), (NIGHTLY,))
    for given in ({"email": "x@example.com"}, {"sub": "u-9"}, {"sub": "u-9", "email": "LEE@example.com"}):
        assert (await an_approver(a_person(**given), rules(), Cutoffs())).persons == {"lee"}
        with pytest.raises(Refused, match="person-departed"):
            await an_approver(a_person(**given), gone, Cutoffs())


@pytest.mark.parametrize("email", [None, 5, ["lee@example.com"]])
async def test_an_email_that_is_no_text_is_none(email: Any) -> None:
    assert (await an_approver(a_person(email=email), rules(), Cutoffs())).email == ""


@pytest.mark.parametrize(
    ("raw", "known", "code"),
    [
        (a_call_token(), rules(), "audience-wrong"),
        (a_person(aud=[APPROVALS, AUDIENCE]), rules(), "audience-several"),
        (a_person(), rules(approver_audience=""), "issuer-no-approvers"),
        (a_person(aud=""), rules(approver_audience=""), "issuer-no-approvers"),
        (a_person(iss="https://evil.example"), rules(), "issuer-unknown"),
        (a_person(exp=int(NOW) - 60, iat=int(NOW) - 90), rules(), "token-expired"),
        ("x", rules(), "token-malformed"),
    ],
)
async def test_any_other_token_approves_nothing(raw: str, known: IdentityRules, code: str) -> None:
    with pytest.raises(Refused) as caught:
        await an_approver(raw, known, Cutoffs())

    assert (caught.value.code, caught.value.status) == (code, 401)


@pytest.mark.parametrize(
    ("claim", "value"),
    [("sub", "u-7"), ("email", "Lee@Example.com"), ("person", "lee"), ("groups", "leads")],
)
async def test_whoever_is_cut_off_approves_nothing(claim: str, value: str) -> None:
    cut = Cutoff(1, claim, value, "left", "ops", 1.0)
    with pytest.raises(Refused, match="cut-off"):
        await an_approver(a_person(), rules(), Cutoffs([cut]))

    assert await an_approver(a_person(sub="u-8", email="kim@example.com", groups=[]), rules(), Cutoffs([cut]))
