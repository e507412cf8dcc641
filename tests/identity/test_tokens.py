from __future__ import annotations

import contextlib
import hashlib
import itertools
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from corpus.forging import header, with_claim
from jwts import ALL, AUDIENCE, NOW, a_token, an_issuer, claims, key_pair, verified
from weighlock.errors import Unidentified
from weighlock.identity import tokens
from weighlock.identity.keys import usable_keys

T = int(NOW)
ED = key_pair("EdDSA", "ed")


def accepts(raw: str, **given: Any) -> bool:
    try:
        verified(raw, **given)
    except Unidentified:
        return False
    return True


def refusal(raw: str, **given: Any) -> str:
    with pytest.raises(Unidentified) as caught:
        verified(raw, **given)
    return caught.value.code


# -- what is believed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("alg", ALL)
def test_a_good_token_of_each_algorithm_is_believed_and_its_numbers_are_numbers(alg: str) -> None:
    pair = key_pair(alg, f"of-{alg}")
    extra = {"actor": 7, "share": 0.5, "deep": {"n": [1, "1", None, True]}, "text": "12"}
    believed = verified(a_token(pair, **extra), [pair.jwk(alg=alg)])

    assert believed == claims(**extra)
    assert [type(believed[name]) for name in ("iat", "actor", "share", "text")] == [int, int, float, str]


@pytest.mark.parametrize(
    "raw",
    [
        a_token(aud=[AUDIENCE]),
        header(typ="application/JWT"),
        a_token(nbf=T - 600),
        a_token(iat=T + 29, exp=T + 600),
        a_token(exp=T - 29, iat=T - 90),
        a_token(exp=T + 600.5),
        with_claim("exp", f"{T + 60}E0"),
        header(jku="https://evil.example", x5u="https://evil.example", jwk=key_pair(kid="mine").jwk()),
        a_token(name="Zoë \N{GRINNING FACE}", escaped="\\ud83d\\ude00"),
    ],
    ids=["aud-list", "typ-media-type", "nbf-past", "iat-leeway", "exp-leeway", "fraction", "exponent", "keys", "text"],
)
def test_unusual_and_harmless_spellings_are_believed(raw: str) -> None:
    assert verified(raw)["sub"] == "repo:acme/nightly"


def test_a_token_without_typ_is_believed_only_where_its_issuer_is_known_for_that() -> None:
    assert refusal(header(typ=None)) == "type-refused"
    assert verified(header(typ=None), issuer=an_issuer(types=("",))) == claims()


@pytest.mark.parametrize("alg", ALL)
def test_an_algorithm_that_the_issuer_does_not_use_is_refused(alg: str) -> None:
    pair = key_pair(alg, f"of-{alg}")
    others = tuple(other for other in ALL if other != alg)

    assert refusal(a_token(pair), keys=[pair.jwk()], issuer=an_issuer(algorithms=others)) == "algorithm-refused"


def test_the_second_before_and_after_each_bound_make_the_difference() -> None:
    issued, expires, raw = T - 10, T + 600, a_token()

    assert verified(raw, now=expires + 29.9) == verified(raw, now=issued - 30.0) == claims()
    assert refusal(raw, now=expires + 30.0) == "token-expired"
    assert refusal(raw, now=issued - 30.1) == "iat-future"
    assert verified(a_token(exp=issued + 3600))["exp"] == issued + 3600
    assert refusal(a_token(exp=issued + 3601)) == "lifetime-too-long"


# -- what a token is called, and what is shown of it -------------------------------------------------------------------


def test_the_id_of_a_token_is_that_of_its_signing_input_and_not_of_its_signature() -> None:
    pair = key_pair("ES256", "ec")
    one, two = a_token(pair), a_token(pair)

    assert one != two  # an ECDSA signature is another each time
    signed = one.rpartition(".")[0].encode()
    assert tokens.peek(one).token_id == tokens.peek(two).token_id == hashlib.sha256(signed).hexdigest()
    assert tokens.peek(one).token_id != tokens.peek(a_token(pair, jti="2")).token_id


def test_nothing_of_a_token_stands_in_its_repr() -> None:
    raw = a_token(secret="correct horse")
    shown = repr(tokens.peek(raw))

    assert "horse" not in shown
    assert not any(part in shown for part in raw.split("."))


# -- each step stands by itself ----------------------------------------------------------------------------------------


def test_verifying_refuses_a_type_or_algorithm_of_itself() -> None:
    """`allowed` is asked before a key is looked for; forgetting that call must not open anything."""
    key = usable_keys({"keys": [key_pair().jwk()]})["k1", "RS256"]
    for raw in (header(typ="logout+jwt"), header(alg="HS256")):
        with pytest.raises(Unidentified, match="refused"):
            tokens.verify(tokens.peek(raw), an_issuer(), AUDIENCE, key, NOW)


def test_a_key_does_not_verify_another_kind_of_signature() -> None:
    pairs = [key_pair(alg, f"of-{alg}") for alg in ALL]
    keys = usable_keys({"keys": [pair.jwk(alg=pair.alg) for pair in pairs]})
    for pair, other in itertools.permutations(pairs, 2):
        with pytest.raises(Unidentified, match="signature-invalid"):
            tokens.authentic(tokens.peek(a_token(pair)), keys[other.kid, other.alg])


@pytest.mark.parametrize("answer", [None, 1, "yes", ValueError(), RecursionError()])
def test_only_a_plain_yes_of_a_key_is_one(answer: Any) -> None:
    class Odd:
        def verify(self, *_: bytes) -> Any:
            if isinstance(answer, Exception):
                raise answer
            return answer

    with pytest.raises(Unidentified, match="signature-invalid"):
        tokens.authentic(tokens.peek(a_token()), Odd())


# -- laws -------------------------------------------------------------------------------------------------------------

SHORT = a_token(ED)
JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.text(max_size=200) | st.from_regex(r"[A-Za-z0-9_=-]{0,30}(\.[A-Za-z0-9_=-]{0,60}){1,4}", fullmatch=True))
def test_no_text_is_taken_for_a_token(text: str) -> None:
    assert not accepts(text)


@settings(max_examples=300)
@given(
    st.integers(0, len(SHORT) - 1),
    st.sampled_from(["-", "_", "A", "z", "9", ".", "=", "\0", "\n", "é", ""]),
    st.booleans(),
)
def test_every_change_of_one_character_is_refused(at: int, character: str, insert: bool) -> None:
    changed = SHORT[:at] + character + SHORT[at if insert else at + 1 :]

    assert changed == SHORT or not accepts(changed, keys=[ED.jwk()])


@given(st.sampled_from([*claims(), "nbf", "jti", "events", "cnf", "groups"]), JSON)
def test_a_signed_claim_of_any_shape_makes_an_answer_or_a_refusal(name: str, value: Any) -> None:
    with contextlib.suppress(Unidentified):
        assert verified(a_token(ED, payload=claims() | {name: value}), [ED.jwk()])[name] == value


@given(st.sampled_from(["alg", "kid", "typ", "crit", "b64", "jku", "jwk", "x5c", "cty", "zip", "enc"]), JSON)
def test_a_header_member_of_any_shape_makes_an_answer_or_a_refusal(name: str, value: Any) -> None:
    with contextlib.suppress(Unidentified):
        assert verified(a_token(ED, header={name: value}), [ED.jwk()]) == claims()


@given(st.integers(-2000, 2000), st.integers(-2000, 2000), st.integers(-2000, 2000))
def test_a_token_is_good_just_between_its_times(issued: int, begins: int, expires: int) -> None:
    raw = a_token(ED, iat=T + issued, nbf=T + begins, exp=T + expires)
    timely = issued <= 30 and begins <= 30 and expires > -30 and 0 < expires - issued <= 3600

    assert accepts(raw, keys=[ED.jwk()]) == timely
