"""Beside two other libraries: what is believed here, at least one of them believes too, and reads the same claims.

Everything is judged at one moment, with everything required that they can require. Mutants are signed anew, so that a
difference is one of reading and not of signatures.
"""

from __future__ import annotations

import datetime
import json
from collections.abc import Callable
from typing import Any

import joserfc.jwk
import joserfc.jwt
import jwt as pyjwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus import CORPUS, KEYS
from jwts import ALL, AUDIENCE, NOW, URL, a_token, an_issuer, claims, key_pair, raw_token, verified
from weighlock.errors import Unidentified

pytestmark = pytest.mark.filterwarnings("ignore::joserfc.errors.SecurityWarning")
PAIR = key_pair("ES256", "ec")
REQUIRED = ["iss", "aud", "sub", "iat", "exp"]
Claims = dict[str, Any] | None
"""None: refused."""


@pytest.fixture(autouse=True)
def one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyJWT takes no time as an argument; the comparison must not depend on when it runs."""

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Clock:
            return cls.fromtimestamp(NOW, tz)

    monkeypatch.setattr("jwt.api_jwt.datetime", Clock)


def ours(raw: str) -> Claims:
    try:
        return dict(verified(raw, KEYS, an_issuer()))
    except Unidentified:
        return None


def published(raw: str) -> tuple[str, dict[str, Any]]:
    """The key that *raw* names, found as those libraries' users find it."""
    header = pyjwt.get_unverified_header(raw)
    return header["alg"], next(key for key in KEYS[2:] if key["kid"] == header["kid"])


def of_pyjwt(raw: str) -> Claims:
    try:
        alg, key = published(raw)
        one = isinstance(pyjwt.decode(raw, options={"verify_signature": False})["aud"], str)
        decoded: dict[str, Any] = pyjwt.decode(
            raw,
            pyjwt.PyJWK(key, algorithm=alg),
            algorithms=list(ALL),
            audience=AUDIENCE,
            issuer=URL,
            leeway=30,
            options={"require": REQUIRED, "strict_aud": one},
        )
    except Exception:
        return None
    return decoded


def of_joserfc(raw: str) -> Claims:
    try:
        alg, key = published(raw)
        found = joserfc.jwt.decode(raw, joserfc.jwk.import_key(key), algorithms=[alg])
        demands: dict[str, Any] = {name: {"essential": True} for name in REQUIRED}
        demands["iss"]["value"], demands["aud"]["value"] = URL, AUDIENCE
        joserfc.jwt.JWTClaimsRegistry(leeway=30, now=int(NOW), **demands).validate(found.claims)
    except Exception:
        return None
    return found.claims


def compare(raw: str) -> bool:
    """Whether it is believed here; AssertionError where that would be alone, or other claims."""
    here = ours(raw)
    if here is None:
        return False
    others = [read for read in (of_pyjwt(raw), of_joserfc(raw)) if read is not None]
    assert others, "believed here alone"
    assert all(json.dumps(read) == json.dumps(here) for read in others), "read otherwise"
    return True


def run(mutants: st.SearchStrategy[str], examples: int = 400) -> None:
    """Compare that many, among them some that are believed: or else nothing would have been compared."""
    believed = []

    @settings(max_examples=examples, deadline=None)
    @given(mutants)
    def each(raw: str) -> None:
        believed.append(compare(raw))

    each()
    assert 0 < sum(believed) < len(believed)


def signed(header: str, payload: str) -> str:
    return raw_token(header.encode("utf-8", "surrogatepass"), payload.encode("utf-8", "surrogatepass"), PAIR)


# -- it compares something --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ALL)
def test_all_three_believe_a_good_token(alg: str) -> None:
    raw = a_token(key_pair(alg, {"RS256": "k1", "PS256": "ps", "ES256": "ec", "EdDSA": "ed"}[alg]), nbf=int(NOW))

    assert ours(raw) == of_pyjwt(raw) == of_joserfc(raw) == claims(nbf=int(NOW))


def test_the_others_can_say_no() -> None:
    for raw in (a_token(aud="api"), a_token()[:-8] + "AAAAAAAA", a_token(exp=int(NOW) - 60), a_token(sub=None)):
        assert of_pyjwt(raw) is None
        assert of_joserfc(raw) is None


def test_what_the_others_believe_of_the_corpus_is_why_there_is_an_envelope() -> None:
    lax: dict[str, set[str]] = {"pyjwt": set(), "joserfc": set()}
    for name, (make, code) in CORPUS.items():
        if len(raw := make()) <= 20_000:
            lax["pyjwt"] |= {code} if of_pyjwt(raw) is not None else set()
            lax["joserfc"] |= {code} if of_joserfc(raw) is not None else set()
        assert ours(make()) is None or code == "claim-missing", name  # what is required is the issuer's to say

    for codes in lax.values():
        assert {"token-json-duplicate-member", "type-refused", "token-bound", "token-is-event"} <= codes


# -- mutants ----------------------------------------------------------------------------------------------------------

json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner), max_leaves=4
)
near = st.integers(int(NOW) - 100, int(NOW) + 4000)
HEADER = {"alg": "ES256", "kid": "ec", "typ": "JWT"}


def test_members_of_any_value() -> None:
    in_header = dict.fromkeys(("alg", "kid", "typ", "crit", "b64", "jwk", "x5c", "zip", "cty"), json_values)
    in_claims: dict[str, st.SearchStrategy[Any]] = {
        "exp": near | near.map(float) | json_values,
        "iat": near | json_values,
        "nbf": near | json_values,
        "aud": st.sampled_from([AUDIENCE, [AUDIENCE], [AUDIENCE, "api"]]) | json_values,
        "sub": st.text() | json_values,
        "jti": st.text() | json_values,
        "iss": st.sampled_from([URL, URL + "/"]) | json_values,
        "groups": json_values,
    }
    run(
        st.builds(
            lambda head, body: signed(json.dumps(HEADER | head), json.dumps(claims() | body)),
            st.fixed_dictionaries({}, optional=in_header) | st.just({}),
            st.fixed_dictionaries({}, optional=in_claims),
        )
    )


PIECES = st.sampled_from(
    [
        *'{}[]",:\\ \t\n\r\0-+.eE019',
        *("\\u0073ub", "\\ud83d", "\\ude00", "\ufeff", "\ud800", "\u0661", "\u2028", "é"),
        *("null", "true", "NaN", "Infinity", "1e999", "9" * 30, "0.1", "/**/", "'"),
        *('"sub":"x",', ',"exp":1', '"x":{}'),
    ]
)


@st.composite
def spelled_otherwise(draw: Callable[..., Any]) -> str:
    """The JSON of a good token, with pieces put in, taken out or exchanged."""
    texts = [json.dumps(HEADER), json.dumps(claims(nbf=int(NOW), n=1.5, deep={"a": ["b", None]}))]
    for _ in range(draw(st.integers(1, 3))):
        which = draw(st.integers(0, 3)) > 0
        text = texts[which]
        at = draw(st.integers(0, len(text)))
        texts[which] = text[:at] + draw(PIECES | st.just("")) + text[at + draw(st.integers(0, 2)) :]
    return signed(*texts)


def test_json_of_any_spelling() -> None:
    run(spelled_otherwise(), examples=800)


@st.composite
def tampered(draw: Callable[..., Any]) -> str:
    """A token whose characters were changed after it was signed, or left."""
    raw = a_token(key_pair("EdDSA", "ed") if draw(st.booleans()) else PAIR)
    for _ in range(draw(st.integers(0, 2))):
        at, change = draw(st.integers(0, len(raw) - 1)), draw(st.sampled_from([*"AQgw-_=.+/ \n", "é", ""]))
        raw = raw[:at] + change + raw[at + draw(st.integers(0, 1)) :]
    return raw


def test_characters_changed_after_signing() -> None:
    run(tampered())


@pytest.mark.parametrize("name", CORPUS)
def test_mutants_of_the_corpus(name: str) -> None:
    """A bad token with one character less, or one member more, does not become a good one that nobody else takes."""
    raw = CORPUS[name][0]()[:20_000]
    for at in range(0, len(raw), max(1, len(raw) // 12)):
        compare(raw[:at] + raw[at + 1 :])
