from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from jose import jwk

from jwts import a_token, an_issuer, b64, key_pair, unb64
from transmitting import CAEP, RECEIVER, RISC, SSF, a_set, email, iss_sub
from weighlock.errors import Unidentified
from weighlock.identity import events, tokens
from weighlock.identity.events import Cut, EventRefused, SecurityEvent
from weighlock.identity.people import Account, Person
from weighlock.identity.transmitters import TYPE, Transmitter

NOW = 1_800_000_000.0
URL = "https://issuer.example"
GITHUB = "https://token.actions.githubusercontent.com"
ALL = ("RS256", "PS256", "ES256", "EdDSA")
PAIR = key_pair("RS256", "transmitter")
TRANSMITTER = Transmitter(an_issuer(url=URL, audience=RECEIVER, types=(TYPE,), algorithms=ALL), push="env:T")
DANA = Person(
    "dana", ("dana@example.com", "d@old.example"), (Account(URL, "sub", "u-1"), Account(GITHUB, "actor_id", "7"))
)
EVE = Person("eve", ("eve@example.com",), (Account(URL, "sub", "u-2"),))
PEOPLE = (DANA, EVE)


def made(type_: str = RISC + "account-disabled", subject: Any = None, **given: Any) -> str:
    return a_set(URL, type_, subject, **{"iat": int(NOW) - 5} | given)


def verified(raw: str, pair: Any = PAIR, now: float = NOW, transmitter: Transmitter = TRANSMITTER) -> SecurityEvent:
    key = jwk.construct(pair.jwk(), pair.alg)
    return events.verify(events.peek(raw), transmitter, key, now)


def cuts(type_: str = RISC + "account-disabled", subject: Any = None, **given: Any) -> set[Cut]:
    return set(events.cuts(verified(made(type_, subject, **given)), PEOPLE))


def refusal(raw: str, **given: Any) -> tuple[str, str]:
    with pytest.raises(EventRefused) as caught:
        events.cuts(verified(raw, **given), PEOPLE)
    return str(caught.value.err), caught.value.code


def everything(person: Person, before: float | None = None) -> set[Cut]:
    return {Cut(*identifier, before) for identifier in person.identifiers()}


# -- the envelope ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ALL)
def test_a_good_event_is_read_whatever_its_algorithm(alg: str) -> None:
    pair = key_pair(alg, "transmitter")
    event = verified(made(pair=pair, jti="one"), pair)

    assert (event.issuer, event.id, event.issued_at) == (URL, "one", NOW - 5)
    assert event.names == "account-disabled"
    assert "dana" not in repr(event)


@pytest.mark.parametrize(
    "header", [{"typ": "secevent+jwt"}, {"typ": "application/secevent+jwt"}, {"typ": "SecEvent+JWT"}]
)
def test_the_type_is_compared_as_a_media_type(header: dict[str, str]) -> None:
    assert verified(made(header=header)).id


@pytest.mark.parametrize("audience", [RECEIVER, [RECEIVER]])
def test_the_audience_may_be_a_list_of_one(audience: Any) -> None:
    assert verified(made(aud=audience)).id


@pytest.mark.parametrize("end", [1, int(NOW) - 1, int(NOW) + 1, "never"])
def test_exp_says_nothing(end: Any) -> None:
    assert verified(made(exp=end)).id


@pytest.mark.parametrize(
    ("given", "refused"),
    [
        ({"header": {"typ": "JWT"}}, ("invalid_request", "type-refused")),
        ({"header": {"typ": "at+jwt"}}, ("invalid_request", "type-refused")),
        ({"header": {"typ": "logout+jwt"}}, ("invalid_request", "type-refused")),
        ({"header": {"typ": None}}, ("invalid_request", "type-refused")),
        ({"header": {"alg": "none"}}, ("invalid_key", "algorithm-refused")),
        ({"header": {"alg": "HS256"}}, ("invalid_key", "algorithm-refused")),
        ({"header": {"crit": ["exp"]}}, ("invalid_request", "token-critical")),
        ({"header": {"kid": None}}, ("invalid_request", "key-unnamed")),
        ({"iss": "https://other.example"}, ("invalid_issuer", "event-issuer")),
        ({"iss": URL + "/"}, ("invalid_issuer", "event-issuer")),
        ({"iss": None}, ("invalid_request", "issuer-missing")),
        ({"pair": key_pair("RS256", "stranger")}, ("invalid_key", "signature-invalid")),
        ({"aud": "weighlock"}, ("invalid_audience", "audience-wrong")),
        ({"aud": None}, ("invalid_audience", "audience-wrong")),
        ({"aud": []}, ("invalid_audience", "audience-wrong")),
        ({"aud": [RECEIVER, "other"]}, ("invalid_audience", "audience-wrong")),
        ({"aud": {RECEIVER: 1}}, ("invalid_audience", "audience-wrong")),
        ({"sub": "dana"}, ("invalid_request", "event-sub")),
        ({"iat": None}, ("invalid_request", "event-iat")),
        ({"iat": str(int(NOW))}, ("invalid_request", "event-iat")),
        ({"iat": True}, ("invalid_request", "event-iat")),
        ({"iat": 0}, ("invalid_request", "event-iat")),
        ({"iat": -5}, ("invalid_request", "event-iat")),
        ({"iat": int(NOW) + 61}, ("invalid_request", "event-iat")),
        ({"iat": int(NOW) * 1000}, ("invalid_request", "event-iat")),
        ({"iat": int(NOW - events.MAX_AGE) - 1}, ("invalid_request", "event-too-old")),
        ({"jti": None}, ("invalid_request", "event-member")),
        ({"jti": ""}, ("invalid_request", "event-member")),
        ({"jti": 5}, ("invalid_request", "event-member")),
        ({"jti": "x" * 257}, ("invalid_request", "event-member")),
        ({"events": None}, ("invalid_request", "event-missing")),
        ({"events": {}}, ("invalid_request", "event-missing")),
        ({"events": []}, ("invalid_request", "event-missing")),
        ({"events": RISC + "account-disabled"}, ("invalid_request", "event-missing")),
        ({"events": {RISC + "account-disabled": None}}, ("invalid_request", "event-missing")),
        ({"events": {RISC + "account-disabled": "dana"}}, ("invalid_request", "event-missing")),
        ({"events": {SSF + "verification": {}, "x": 1}}, ("invalid_request", "event-missing")),
    ],
    ids=str,
)
def test_what_is_not_a_good_event_is_refused_with_its_own_code(given: dict[str, Any], refused: tuple[str, str]) -> None:
    assert refusal(made(**given)) == refused


@pytest.mark.parametrize("raw", ["", "x", "a.b", "a.b.c.d", "wls_" + "A" * 43, "{}", "\xff"])
def test_what_has_no_envelope_is_refused(raw: str) -> None:
    assert refusal(raw) == ("invalid_request", "token-malformed")


def test_a_changed_byte_is_refused() -> None:
    head, payload, signature = made().split(".")
    changed = b64(unb64(payload).replace(b"dana@", b"eve@@"))

    assert refusal(f"{head}.{changed}.{signature}") == ("invalid_key", "signature-invalid")
    assert refusal(f"{head}.{payload}.{signature[:-6]}")[1] in ("signature-invalid", "token-not-canonical")


def test_two_members_of_one_name_are_refused() -> None:
    head, payload, signature = made().split(".")
    doubled = b64(unb64(payload)[:-1] + b',"events":{}}')

    assert refusal(f"{head}.{doubled}.{signature}") == ("invalid_request", "token-json-duplicate-member")


# -- a SET is no token, and a token no SET -----------------------------------------------------------------------------


@pytest.mark.parametrize("more", [{}, {"aud": "weighlock"}, {"aud": "weighlock", "sub": "dana", "exp": int(NOW) + 60}])
@pytest.mark.parametrize("header", [{}, {"typ": "JWT"}, {"typ": None}])
def test_no_event_is_a_token_though_its_transmitter_is_an_issuer_with_the_same_keys(
    more: dict[str, Any], header: dict[str, Any]
) -> None:
    issuer = an_issuer(url=URL, audience="weighlock", types=("jwt", ""))
    key = jwk.construct(PAIR.jwk(), PAIR.alg)

    with pytest.raises(Unidentified):
        tokens.verify(tokens.peek(made(header=header, **more)), issuer, "weighlock", key, NOW)


@pytest.mark.parametrize(
    "more", [{}, {"aud": RECEIVER}, {"aud": RECEIVER, "jti": "a", "sub_id": email("dana@example.com")}]
)
@pytest.mark.parametrize("event", [{}, {"events": {RISC + "account-disabled": {}}}])
def test_no_token_is_an_event_though_its_issuer_is_a_transmitter_with_the_same_keys(
    more: dict[str, Any], event: dict[str, Any]
) -> None:
    good = a_token(PAIR, iss=URL)
    key = jwk.construct(PAIR.jwk(), PAIR.alg)
    assert tokens.verify(tokens.peek(good), an_issuer(url=URL), "weighlock", key, NOW)

    assert refusal(a_token(PAIR, iss=URL, **more, **event)) == ("invalid_request", "type-refused")
    assert refusal(a_token(PAIR, header={"typ": TYPE}, iss=URL, **more, **event))[0] in (
        "invalid_audience",
        "invalid_request",
    )


# -- what is cut off ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("type_", ["account-disabled", "account-purged"])
def test_an_account_that_ended_is_cut_off_for_good_by_everything_its_person_is_known_by(type_: str) -> None:
    assert cuts(RISC + type_, email("Dana@Example.com")) == everything(DANA) | {
        Cut("email", "Dana@Example.com", "", None)
    }
    assert ("actor_id", "7", GITHUB, None) in cuts(RISC + type_)


@pytest.mark.parametrize("type_", ["session-revoked", "credential-change"])
@pytest.mark.parametrize(
    ("said", "before"),
    [
        ({}, NOW - 4),  # iat, and the whole of its second
        ({"event_timestamp": int(NOW) - 600}, NOW - 599),
        ({"event_timestamp": NOW - 599.5}, NOW - 599),
        ({"event_timestamp": int(NOW) + 100}, NOW - 4),
        ({"event_timestamp": int(NOW) * 1000}, NOW - 4),
        ({"event_timestamp": 0}, NOW - 4),
        ({"event_timestamp": -1}, NOW - 4),
        ({"event_timestamp": str(int(NOW) - 600)}, NOW - 4),
        ({"event_timestamp": None}, NOW - 4),
        ({"event_timestamp": {}}, NOW - 4),
    ],
    ids=str,
)
def test_a_session_that_ended_cuts_off_what_was_issued_until_then(type_: str, said: Any, before: float) -> None:
    assert cuts(CAEP + type_, email("dana@example.com"), event=said) == everything(DANA, before)


def test_somebody_unknown_is_cut_off_by_the_one_identifier() -> None:
    assert cuts(subject=iss_sub("https://other.example", "u-1")) == {Cut("sub", "u-1", "https://other.example", None)}
    assert cuts(subject=email("nobody@example.com")) == {Cut("email", "nobody@example.com", "", None)}
    account = {"format": "account", "uri": "acct:nobody@example.com"}
    assert cuts(subject=account) == {Cut("email", "nobody@example.com", "", None)}
    jwt_id = {"format": "jwt_id", "iss": GITHUB, "jti": "B70B"}
    assert cuts(subject=jwt_id) == {Cut("jti", "B70B", GITHUB, None)}


@pytest.mark.parametrize(
    "subject",
    [
        iss_sub(URL, "u-1"),
        iss_sub(URL, "dana@example.com"),
        email("D@OLD.example"),
        {"format": "opaque", "id": "u-1"},
        {"format": "account", "uri": "acct:dana@example.com"},
        {"format": "aliases", "identifiers": [{"format": "phone_number", "phone_number": "+1"}, iss_sub(URL, "u-1")]},
        {"format": "complex", "user": iss_sub(URL, "u-1")},
        {"format": "complex", "user": email("dana@example.com"), "tenant": {"format": "opaque", "id": "acme"}},
        {"format": "complex", "user": {"format": "aliases", "identifiers": [email("dana@example.com")]}, "x": 5},
    ],
    ids=json.dumps,
)
def test_a_person_is_recognised_in_every_format(subject: Any) -> None:
    found = cuts(subject=subject)

    assert everything(DANA) <= found
    assert not everything(EVE) & found


def test_an_opaque_id_is_an_account_or_a_session_of_the_transmitter() -> None:
    expected = {Cut("sub", "s|16", URL, NOW - 4), Cut("sid", "s|16", URL, NOW - 4)}

    assert cuts(CAEP + "session-revoked", {"format": "opaque", "id": "s|16"}) == expected
    session = {"format": "complex", "session": {"format": "opaque", "id": "s|16"}}
    assert cuts(CAEP + "session-revoked", session) == expected
    both = session | {"user": email("dana@example.com")}
    assert cuts(CAEP + "session-revoked", both) == expected | everything(DANA, NOW - 4)


def test_an_id_of_ours_in_a_transmitters_words_is_nobody_of_ours() -> None:
    assert cuts(subject=iss_sub("https://other.example", "dana")) == {Cut("sub", "dana", "https://other.example", None)}


def test_aliases_of_two_people_cut_off_both() -> None:
    aliases = {"format": "aliases", "identifiers": [email("dana@example.com"), email("eve@example.com")]}
    assert cuts(subject=aliases) == everything(DANA) | everything(EVE)


@pytest.mark.parametrize(
    "subject",
    [
        "dana@example.com",
        [],
        5,
        {},
        {"format": 5},
        {"format": "email"},
        {"format": "email", "email": ""},
        {"format": "email", "email": " "},
        {"format": "email", "email": 5},
        {"format": "email", "email": ["dana@example.com"]},
        {"format": "email", "email": "x" * 1001},
        {"format": "iss_sub", "sub": "u-1"},
        {"format": "iss_sub", "iss": URL},
        {"format": "opaque"},
        {"format": "account"},
        {"format": "jwt_id", "jti": "a"},
        {"format": "phone_number", "phone_number": "+1 206 555 0123"},
        {"format": "did", "url": "did:example:1"},
        {"format": "uri", "uri": "https://example.com/dana"},
        {"format": "catalog_item", "email": "dana@example.com"},
        {"format": "aliases"},
        {"format": "aliases", "identifiers": []},
        {"format": "aliases", "identifiers": {}},
        {"format": "aliases", "identifiers": ["dana@example.com"]},
        {"format": "aliases", "identifiers": [{"format": "phone_number", "phone_number": "+1"}]},
        {"format": "aliases", "identifiers": [{"format": "email"}, iss_sub(URL, "u-1")]},
        {"format": "aliases", "identifiers": [{"format": "aliases", "identifiers": [email("dana@example.com")]}]},
        {"format": "aliases", "identifiers": [email(f"a{n}@example.com") for n in range(17)]},
        {"format": "complex"},
        {"format": "complex", "user": "dana"},
        {"format": "complex", "user": {}},
        {"format": "complex", "user": {"format": "complex", "user": email("dana@example.com")}},
        {"format": "complex", "tenant": {"format": "opaque", "id": "acme"}},
        {"format": "complex", "device": iss_sub(URL, "u-1")},
        {"email": "dana@example.com"},
    ],
    ids=str,
)
@pytest.mark.parametrize("type_", [RISC + "account-disabled", CAEP + "session-revoked"])
def test_a_known_event_of_somebody_who_cannot_be_read_is_refused(type_: str, subject: Any) -> None:
    err, code = refusal(made(type_, subject))

    assert err == "invalid_request"
    assert code in ("event-subject", "event-member")


def test_a_known_event_of_nobody_is_refused() -> None:
    assert refusal(made(sub_id=None)) == ("invalid_request", "event-subject")


@pytest.mark.parametrize(
    ("type_", "subject", "event", "names"),
    [
        (SSF + "verification", {"format": "opaque", "id": "stream"}, {"state": "VGhpcw=="}, "verification"),
        (SSF + "verification", {}, {}, "verification"),
        (SSF + "stream-updated", {"format": "opaque", "id": "stream"}, {"status": "paused"}, "stream-updated"),
        (RISC + "account-enabled", email("dana@example.com"), {}, "an event of no effect"),
        (CAEP + "token-claims-change", {"format": "phone_number"}, {"claims": {}}, "an event of no effect"),
        ("account-disabled", email("dana@example.com"), {}, "an event of no effect"),
        (RISC + "Account-Disabled", 5, {}, "an event of no effect"),
    ],
)
def test_other_events_are_taken_and_cut_off_nobody(type_: str, subject: Any, event: Any, names: str) -> None:
    taken = verified(made(type_, subject, event=event))

    assert events.cuts(taken, PEOPLE) == ()
    assert taken.names == names


def test_of_several_events_each_has_its_effect() -> None:
    several = {CAEP + "session-revoked": {}, RISC + "account-purged": {}, "https://example.com/other": {}}
    event = verified(made(events=several))

    assert set(events.cuts(event, PEOPLE)) == everything(DANA) | everything(DANA, NOW - 4)
    assert event.names == "account-purged, an event of no effect, session-revoked"


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.sampled_from(["email", "aliases", "complex"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["format", "user", "session", "identifiers", "email", "id", "sub"]), inner)
    ),
    max_leaves=12,
)


@given(json_values)
def test_whatever_the_subject_is_somebody_is_cut_off_or_it_is_refused(subject: Any) -> None:
    event = SecurityEvent(URL, "j", "d", NOW, subject, {RISC + "account-disabled": {}})
    outcome: str | int
    try:
        outcome = len(events.cuts(event, PEOPLE))
    except EventRefused as refused:
        outcome = refused.err

    assert outcome == "invalid_request" or outcome in range(1, 100)
