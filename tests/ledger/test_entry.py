from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from builders import a_call, a_finding, a_principal
from held import an_approval, some_terms
from ledgers import a_verdict, an_exchange
from weighlock.errors import Unidentified
from weighlock.holds import ApprovalState, Decision
from weighlock.ledger import clear, entry
from weighlock.ledger.entry import Entry, Kind, PayloadRef
from weighlock.model import Action, OperatorSpec, Release, Role, Text

_VALUES: Any = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**53) + 1, 2**53 - 1)
    | st.text(st.characters(exclude_categories=("Cs",))),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(st.characters(exclude_categories=("Cs",))), inner),
    max_leaves=10,
)
_APPROVAL = an_approval(
    ApprovalState.CONSUMED,
    id="A1",
    because=("bulk",),
    terms=some_terms("security"),
    requested_at=1.5,
    decide_by=9.0,
    use_by=8.9,
    decisions=(Decision("kim@example.com", True, "the prompt about 4111111111111111 is fine", 2.5),),
)


@given(st.integers(0, 2**53 - 1), st.sampled_from(Kind), st.dictionaries(st.sampled_from("abc"), _VALUES))
def test_an_entry_reads_back_as_it_was(seq: int, kind: Kind, body: dict[str, Any]) -> None:
    said = Entry(
        seq, "2026-01-01T12:00:00.000Z", kind, body, {"request.sent": PayloadRef("a" * 64, "b" * 64, 3, "c" * 64)}
    )

    assert entry.parse(entry.canonical(said)) == said


_NUMBERS = st.integers() | st.floats() | st.sampled_from([0.9, 1.0, -0.0, 1e-5, 1e15, 1e16, 1e21, 2**53, -(2**53)])
_ANY: Any = st.recursive(
    _NUMBERS | st.text() | st.none() | st.booleans(),
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(st.text() | st.sampled_from("\ue000😀é"), inner),
    max_leaves=10,
)


@given(st.dictionaries(st.text(), _ANY))
def test_the_canonical_form_is_that_of_rfc_8785(body: dict[str, Any]) -> None:
    said = Entry(7, "2026-01-01T12:00:00.000Z", Kind.REQUEST, body, {"sent": PayloadRef("a" * 64, "b" * 64, 3, "c")})
    ref = {"sha256": "a" * 64, "commitment": "b" * 64, "size": 3, "key": "c"}
    value = {"version": 1, "seq": 7, "time": said.time, "kind": "request", "body": body, "payloads": {"sent": ref}}
    try:
        expected = rfc8785.dumps(value)
    except ValueError:
        with pytest.raises(ValueError):
            entry.canonical(said)
    else:
        assert entry.canonical(said) == expected


def test_the_canonical_form_has_no_spaces_and_sorted_names() -> None:
    said = Entry(0, "2026-01-01T12:00:00.000Z", Kind.START, {"b": 1.0, "a": "é"})

    assert entry.canonical(said).decode() == (
        '{"body":{"a":"é","b":1},"kind":"start","payloads":{},"seq":0,"time":"2026-01-01T12:00:00.000Z","version":1}'
    )


@pytest.mark.parametrize("value", [float("nan"), 2**53, "\ud800", {1}, {1: 2}, {"a": {"\ud800": 1}}])
def test_what_json_cannot_say_is_refused(value: Any) -> None:
    with pytest.raises(ValueError):
        entry.canonical(Entry(0, "", Kind.START, {"value": value}))


_GOOD = json.loads(entry.canonical(Entry(0, "2026-01-01T12:00:00.000Z", Kind.START, {})))


@pytest.mark.parametrize(
    "wrong",
    [
        {"version": 2},
        {"version": True},
        {"seq": "0"},
        {"payloads": {"x": {"sha256": "a", "commitment": "b", "size": 1, "key": "c", "more": 1}}},
        {"kind": "else"},
        {"time": "noon"},
        {"time": None},
        {"body": []},
        {"payloads": {"x": {}}},
        {"more": 1},
    ],
)
def test_what_is_no_entry_is_refused(wrong: dict[str, Any]) -> None:
    with pytest.raises(ValueError):
        entry.parse(json.dumps(_GOOD | wrong).encode())


@pytest.mark.parametrize("name", sorted(_GOOD))
def test_an_entry_without_one_of_its_parts_is_refused(name: str) -> None:
    with pytest.raises(ValueError):
        entry.parse(json.dumps({at: value for at, value in _GOOD.items() if at != name}).encode())


@pytest.mark.parametrize("data", [b"", b"\xff", b"[]", b"{}", b"1", b"[" * 100_000])
def test_what_is_no_json_object_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError):
        entry.parse(data)


def test_times_sort_as_text() -> None:
    assert entry.timestamp(1_767_268_800.0) == "2026-01-01T12:00:00.000Z"
    assert entry.timestamp(1_767_268_800.0009) == "2026-01-01T12:00:00.000Z"
    assert entry.timestamp(1_767_268_800.1234) == "2026-01-01T12:00:00.123Z"
    assert entry.timestamp(999_999_999.9) < entry.timestamp(1_000_000_000.0)


def test_a_request_says_who_asked_what_of_whom_and_how_it_was_judged() -> None:
    verdict = a_verdict(action=Action.MASK, operators={"EMAIL_ADDRESS": OperatorSpec("pseudonym", {"key": "k"})})
    exchange = an_exchange(findings=(a_finding(),), verdict=verdict, release=Release("b" * 64, _APPROVAL))

    body = entry.request_body(exchange)

    assert body == {
        "exchange": exchange.id,
        "peer": "192.0.2.7:40000",
        "started_at": "2026-01-01T12:00:00.000Z",
        "who": {
            "issuer": "https://issuer.example",
            "subject": "repo:acme/nightly",
            "workload": "nightly",
            "owner": "dana",
            "persons": ["dana"],
            "groups": ["ci"],
            "token_id": "0" * 64,
            "expires_at": 2_000_000_000,
        },
        "scheme": "https",
        "host": "llm.example",
        "port": 443,
        "claims": {},
        "call": {
            "tools": [],
            "dialect": "openai",
            "operation": "chat.completions",
            "destination": "model",
            "model": "small",
            "stream": False,
            "size": 5,
        },
        "entities": {"EMAIL_ADDRESS": 1},
        "tags": {"email-address": ["pii"]},
        "findings": [
            {
                "rule": "email-address",
                "entity": "EMAIL_ADDRESS",
                "level": "medium",
                "score": 0.9,
                "pointer": "/messages/0/content",
                "start": 0,
                "end": 5,
                "fingerprint": "f" * 16,
                "view": "raw",
            }
        ],
        "verdict": {
            "action": "mask",
            "because": ["model-calls"],
            "matched": ["model-calls"],
            "operators": {"EMAIL_ADDRESS": "pseudonym"},
            "policy": "d" * 64,
            "reason": "",
        },
        "approval": {
            "id": "A1",
            "kind": "request",
            "state": "consumed",
            "binding": "b" * 64,
            "exchange": "e1",
            "workload": "nightly",
            "owner": "dana",
            "subject": "repo:acme/nightly",
            "destination": "model",
            "host": "llm.example",
            "dialect": "openai",
            "operation": "chat.completions",
            "model": "small",
            "because": ["bulk"],
            "reason": "Too large.",
            "groups": ["security"],
            "need": 1,
            "thresholds": [{"groups": ["security"], "need": 1}],
            "mode": "wait",
            "decisions": [{"who": "kim@example.com", "approve": True, "at": 2, "break_glass": False}],
            "review": None,
            "requested_at": 1,
            "decide_by": 9,
            "use_by": 8,
            "limits": None,
        },
    }
    assert entry.canonical(Entry(0, "2026-01-01T12:00:00.000Z", Kind.REQUEST, body))


def test_what_only_watches_is_recorded_beside_what_decided() -> None:
    body = clear.verdict(a_verdict(shadow=("new-rule",), would=Action.BLOCK))

    assert (body["action"], body["would"], body["shadow"]) == ("allow", "block", ["new-rule"])
    assert "would" not in clear.verdict(a_verdict())


def test_a_refusal_before_anything_is_known_says_only_that() -> None:
    exchange = an_exchange(destination=None, principal=None, call=None, findings=None, verdict=None)

    body = entry.refusal_body(exchange, Unidentified("token-expired", "The token has expired."))

    assert set(body) == {"exchange", "peer", "started_at", "refused"}
    assert body["refused"] == {
        "code": "token-expired",
        "status": 401,
        "reason": "The token has expired.",
        "because": [],
    }


def test_a_response_is_joined_to_its_request_by_the_exchange() -> None:
    exchange = an_exchange()

    body = entry.response_body(exchange, status=200, findings=(a_finding(),), verdict=a_verdict(), refused=None)

    assert body["exchange"] == entry.request_body(exchange)["exchange"]
    assert (body["status"], body["entities"], body["verdict"]["action"]) == (200, {"EMAIL_ADDRESS": 1}, "allow")
    assert "refused" not in body


def test_an_approval_says_what_became_of_it_and_not_what_was_said() -> None:
    body = entry.approval_body(_APPROVAL, "e1")

    assert (body["exchange"], body["approval"]["state"]) == ("e1", "consumed")
    assert "4111111111111111" not in json.dumps(body)


def test_a_refusal_tells_of_static_keys_by_fingerprint_and_of_whose_job_it_was() -> None:
    key = {"vendor": "openai", "digest": "d" * 16, "last4": "B1a0", "place": "header"}
    exchange = an_exchange(principal=None, call=None, findings=None, verdict=None)
    body = entry.refusal_body(exchange, Unidentified("static-key", "A key."))

    with_job = body | entry.static_keys_body([key], 0, a_principal())
    without = body | entry.static_keys_body([key], None, None)

    assert (with_job["static_keys"], with_job["size"], with_job["who"]["workload"]) == ([key], 0, "nightly")
    assert (with_job["host"], with_job["peer"]) == ("llm.example", "192.0.2.7:40000")
    assert {"size", "who"}.isdisjoint(without)
    assert entry.canonical(Entry(0, "2026-01-01T12:00:00.000Z", Kind.REFUSAL, with_job))


def test_claims_and_tools_are_told_so_that_statements_can_be_judged_by_them_again() -> None:
    told = {"iss": "i", "event_name": "push", "run": {"id": 7}, "groups": ["a", "b"], "long": "x" * 201, "on": True}
    principal = a_principal(claims=told)
    body = entry.request_body(an_exchange(principal=principal, call=a_call("hello", tools=("search", "sum"))))

    assert body["claims"] == {"event_name": "push", "groups": ["a", "b"], "on": True}
    assert body["claims_withheld"] == ["long", "run"]
    assert body["call"]["tools"] == ["search", "sum"]


@pytest.mark.parametrize("tools", [None, ("4111 1111 1111 1111",), ("t",) * 201, ("maria",)])
def test_tools_that_nobody_can_tell_or_whose_names_are_data_are_not_told(tools: tuple[str, ...] | None) -> None:
    call = a_call("hello", tools=tools)
    named = replace(call, texts=(Text("/tools/0/function/name", Role.PARAMETER, "maria"),))
    found = (a_finding("PERSON", pointer="/tools/0/function/name"),)

    assert "tools" not in entry.request_body(an_exchange(call=named, findings=found))["call"]
