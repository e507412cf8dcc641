from __future__ import annotations

import itertools
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_destination, a_principal
from held import some_terms
from weighlock.approval.binding import binding, key, names
from weighlock.destination import Destination
from weighlock.holds import Terms
from weighlock.model import Outbound

OUT = Outbound("POST", "/v1/chat", (("host", "llm.example"), ("accept", "a")), b'{"a":"b"}')
BECAUSE = ("large", "people")
PLACE = a_destination()


def digest(
    place: Destination = PLACE,
    out: Outbound = OUT,
    workload: str = "nightly",
    because: tuple[str, ...] = BECAUSE,
    model: str = "small",
) -> str:
    return binding(place, out, model, workload, because)


OTHERS = {
    "a byte of the body": digest(out=replace(OUT, body=b'{"a":"c"}')),
    "a byte more": digest(out=replace(OUT, body=OUT.body + b" ")),
    "no body": digest(out=replace(OUT, body=b"")),
    "a header's value": digest(out=replace(OUT, headers=(("host", "llm.example"), ("accept", "b")))),
    "a header's name": digest(out=replace(OUT, headers=(("host", "llm.example"), ("accepts", "a")))),
    "a header's spelling": digest(out=replace(OUT, headers=(("Host", "llm.example"), ("accept", "a")))),
    "a header more": digest(out=replace(OUT, headers=(*OUT.headers, ("x", "")))),
    "a header less": digest(out=replace(OUT, headers=OUT.headers[:1])),
    "the headers' order": digest(out=replace(OUT, headers=OUT.headers[::-1])),
    "a header cut elsewhere": digest(out=replace(OUT, headers=(("host", "llm.example"), ("accep", "ta")))),
    "the path": digest(out=replace(OUT, path="/v1/chat/")),
    "the query": digest(out=replace(OUT, path="/v1/chat?x")),
    "the method": digest(out=replace(OUT, method="PUT")),
    "method and path cut elsewhere": digest(out=replace(OUT, method="POST/", path="v1/chat")),
    "the host": digest(a_destination(host="llm.example.org")),
    "the port": digest(a_destination(port=8443)),
    "the destination's name": digest(a_destination(name="other")),
    "the model": digest(model="large"),
    "the workload": digest(workload="nightlx"),
    "workload and reason cut elsewhere": digest(workload="nightlylarge", because=("people",)),
    "a reason less": digest(because=("large",)),
    "a reason more": digest(because=(*BECAUSE, "x")),
    "no reason": digest(because=()),
    "reasons run together": digest(because=("largepeople",)),
    "surrogates for bytes": digest(out=replace(OUT, headers=(("host", "\udcff"),))),
}


@pytest.mark.parametrize("what", OTHERS)
def test_one_change_makes_another_binding(what: str) -> None:
    assert OTHERS[what] != digest()


def test_no_two_changes_make_the_same_binding() -> None:
    assert all(a != b for a, b in itertools.combinations(OTHERS.values(), 2))


def test_the_same_things_make_the_same_binding_in_any_order_of_reasons() -> None:
    assert digest() == digest(because=BECAUSE[::-1])
    assert len(bytes.fromhex(digest())) == 32


def test_reasons_cannot_pass_for_a_destination() -> None:
    named = a_destination(name="x", host="y")

    assert digest(named, because=("a",)) != digest(a_destination(name="a", host="x"), because=())


def test_what_is_another_with_each_attempt_is_not_bound() -> None:
    tried = replace(OUT, headers=(*OUT.headers, ("idempotency-key", "1")))

    assert digest(out=tried) == digest(out=replace(tried, headers=(("idempotency-key", "2"), *OUT.headers))) == digest()


@given(st.data())
def test_no_byte_of_what_is_sent_may_be_another(data: st.DataObject) -> None:
    at, other = data.draw(st.integers(0, len(OUT.body) - 1)), data.draw(st.integers(1, 255))
    body = bytearray(OUT.body)
    body[at] ^= other

    assert digest(out=replace(OUT, body=bytes(body))) != digest()


TERMS = some_terms("leads")
KEYS = {
    "the binding": key("c", a_principal(), TERMS),
    "the subject": key("b", a_principal(subject="repo:acme/other"), TERMS),
    "the owner": key("b", a_principal(owner="kim"), TERMS),
    "a person behind it": key("b", a_principal(persons=frozenset({"dana", "kim"})), TERMS),
    "who started the run": key("b", a_principal(claims={"actor_id": 1047}), TERMS),
    "who is asked": key("b", a_principal(), some_terms("legal")),
    "how many are asked": key("b", a_principal(), some_terms("leads", need=2)),
    "two statements": key("b", a_principal(), Terms((*TERMS.quorums, *TERMS.quorums))),
    "who may break the glass": key("b", a_principal(), some_terms("leads", break_glass=frozenset({"x"}))),
    "a reason": key("b", a_principal(), some_terms("leads", needs_reason=True)),
}


def test_requests_share_an_approval_where_people_and_terms_are_the_same() -> None:
    same = key("b", a_principal(token_id="1" * 64, session="s", expires_at=1.0, claims={"run_id": "7"}), TERMS)

    assert same == key("b", a_principal(), some_terms("leads", within=1.0, use_within=1.0))
    assert len({*KEYS.values(), same}) == len(KEYS) + 1


def test_whoever_a_token_names_is_behind_the_request() -> None:
    claims = {"actor": "Kim-Codes", "actor_id": 1047, "user_email": "Kim@Example.com", "email": True, "user_id": ["7"]}

    assert names(a_principal(claims=claims)) == {"dana", "repo:acme/nightly", "kim-codes", "1047", "kim@example.com"}
