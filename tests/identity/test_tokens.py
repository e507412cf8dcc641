from __future__ import annotations

import base64
import contextlib
import datetime
import hashlib
import hmac
import itertools
import json
from collections.abc import Callable, Mapping
from typing import Any

import joserfc.jwk
import joserfc.jwt
import jwt as pyjwt
import pytest
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from hypothesis import given, settings
from hypothesis import strategies as st

from issuing import (
    CLAIMS,
    EC,
    ED,
    FOR_ENCRYPTION,
    GOOD,
    JWKS,
    NOW,
    PS,
    RSA,
    STRANGER,
    URL,
    WEAK,
    WIDE,
    Signer,
    an_issuer,
    an_rsa,
    b64,
    segment,
    spelled,
    token,
)
from weighlock.errors import Unidentified
from weighlock.identity import tokens
from weighlock.identity.issuers import Issuer

KEYS = tokens.usable_keys(JWKS)
ISSUER = an_issuer()
AUDIENCE = "weighlock"


def verified(raw: str, issuer: Issuer = ISSUER, now: float = NOW, audience: str = AUDIENCE) -> Mapping[str, Any]:
    """As the gateway verifies it, with the keys at hand."""
    envelope = tokens.peek(raw)
    tokens.allowed(envelope, issuer)
    key = KEYS.get((envelope.kid, envelope.alg))
    if key is None:
        raise Unidentified("key-unknown", "")
    return tokens.verify(envelope, issuer, audience, key, now)


def code(raw: str, issuer: Issuer = ISSUER, now: float = NOW) -> str:
    with pytest.raises(Unidentified) as caught:
        verified(raw, issuer, now)
    return caught.value.code


# -- what is believed -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("signer", GOOD, ids=lambda signer: signer.alg)
def test_a_good_token_of_every_algorithm_is_believed(signer: Signer) -> None:
    assert verified(token(signer)) == CLAIMS


@pytest.mark.parametrize(
    "raw",
    [
        token(aud=["weighlock"]),
        token(header={"typ": "application/JWT"}),
        token(nbf=NOW - 600),
        token(iat=NOW + 29, exp=NOW + 600),
        token(exp=NOW - 29),
        token(exp=NOW + 600.5),
        token(payload=spelled("exp", f"{NOW + 60}E0")),
        token(header={"jku": "https://evil.example", "x5u": "https://evil.example", "jwk": dict(STRANGER.jwk)}),
    ],
    ids=["aud-list", "typ-media-type", "nbf-past", "iat-leeway", "exp-leeway", "exp-float", "exp-exponent", "own-keys"],
)
def test_unusual_and_harmless_spellings_are_believed(raw: str) -> None:
    assert verified(raw)["sub"] == CLAIMS["sub"]


def test_claims_come_with_numbers_as_numbers_and_everything_else_as_it_was() -> None:
    extra = {"actor_id": 1047, "ratio": 0.5, "deep": {"list": [1, "1", None, True]}, "text": "12"}
    claims = verified(token(**extra))
    assert {name: claims[name] for name in extra} == extra
    assert isinstance(claims["actor_id"], int)


def test_a_token_without_typ_is_believed_only_where_its_issuer_is_known_for_that() -> None:
    raw = token(header={"typ": ...})
    assert code(raw) == "type-refused"
    assert verified(raw, an_issuer(types=("",)))["sub"]


def test_the_id_of_a_token_is_that_of_its_signing_input() -> None:
    raw = token()
    assert tokens.peek(raw).token_id == hashlib.sha256(raw.rpartition(".")[0].encode()).hexdigest()


def test_neither_claims_nor_the_raw_token_are_in_an_envelopes_repr() -> None:
    raw = token(secret_claim="planted")
    shown = repr(tokens.peek(raw))
    assert "planted" not in shown
    assert raw not in shown


# -- what is not: the corpus ------------------------------------------------------------------------------------------


def replaced(raw: str, index: int, with_: str) -> str:
    parts = raw.split(".")
    parts[index] = with_
    return ".".join(parts)


def as_hmac(secret: bytes) -> str:
    """A token whose signature is an HMAC under what is public."""
    signing_input = f"{segment({'alg': 'HS256', 'typ': 'JWT', 'kid': 'rsa'})}.{segment(dict(CLAIMS))}"
    return f"{signing_input}.{b64(hmac.new(secret, signing_input.encode(), hashlib.sha256).digest())}"


def public(signer: Signer, encoding: Encoding) -> bytes:
    form = PublicFormat.SubjectPublicKeyInfo
    data: bytes = pyjwt.PyJWK(dict(signer.jwk), algorithm="RS256").key.public_bytes(encoding, form)
    return data


def last_character_changed(raw: str) -> str:
    """The same bytes in another spelling: the last character's spare bits are set."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for last in alphabet:
        other = raw[:-1] + last
        same = base64.urlsafe_b64decode(other.split(".")[2] + "==") == base64.urlsafe_b64decode(
            raw.split(".")[2] + "=="
        )
        if same and other != raw:
            return other
    raise AssertionError


def der_signed() -> str:
    raw = token(EC)
    data = base64.urlsafe_b64decode(raw.split(".")[2] + "==")
    return replaced(raw, 2, b64(encode_dss_signature(int.from_bytes(data[:32]), int.from_bytes(data[32:]))))


def twice(member: str) -> bytes:
    return (json.dumps(dict(CLAIMS))[:-1] + f", {member}}}").encode()


GOOD_RAW = token()
DEEP = b'{"alg": "RS256", "kid": "rsa", "x": ' + b"[" * 700 + b"]" * 700 + b"}"

CORPUS: dict[str, tuple[str, str]] = {
    # The form.
    "empty": ("", "token-malformed"),
    "one segment": ("eyJhbGciOiJub25lIn0", "token-malformed"),
    "two segments": (GOOD_RAW.rpartition(".")[0], "token-malformed"),
    "empty signature": (GOOD_RAW.rpartition(".")[0] + ".", "token-malformed"),
    "five segments": (GOOD_RAW + ".AAAA.AAAA", "token-malformed"),
    "space before": (" " + GOOD_RAW, "token-malformed"),
    "newline after": (GOOD_RAW + "\n", "token-malformed"),
    "padding": (GOOD_RAW + "==", "token-malformed"),
    "junk in the signature": (GOOD_RAW[:-10] + "$$$$" + GOOD_RAW[-10:], "token-malformed"),
    "newlines in the signature": (GOOD_RAW[:-10] + "\n\n\n\n" + GOOD_RAW[-10:], "token-malformed"),
    "junk in the payload": (replaced(GOOD_RAW, 1, "!!~ " + GOOD_RAW.split(".")[1]), "token-malformed"),
    "standard base64": (GOOD_RAW.replace("-", "+").replace("_", "/") + "+", "token-malformed"),
    "spare bits of the last character": (last_character_changed(GOOD_RAW), "token-malformed"),
    "a length that base64 cannot have": (replaced(GOOD_RAW, 1, "AAAAA"), "token-malformed"),
    "not ASCII": (GOOD_RAW.replace("e", "\N{CYRILLIC SMALL LETTER IE}", 1), "token-malformed"),
    "half a surrogate pair": ("\udcff" + GOOD_RAW, "token-malformed"),
    "20 MB": (f"{segment({'alg': 'RS256', 'kid': 'rsa'})}.{'A' * 20_000_000}.{'A' * 342}", "token-malformed"),
    # The JSON.
    "header not JSON": (token(header=b"not json"), "token-malformed"),
    "header a list": (token(header=b'["alg"]'), "token-malformed"),
    "payload a string": (token(payload="text"), "token-malformed"),
    "payload not UTF-8": (token(payload=b'{"sub": "\xff"}'), "token-malformed"),
    "payload in UTF-16": (token(payload=json.dumps(dict(CLAIMS)).encode("utf-16")), "token-malformed"),
    "payload with a byte order mark": (token(payload=b"\xef\xbb\xbf" + twice('"x": 1')), "token-malformed"),
    "payload with something after it": (token(payload=json.dumps(dict(CLAIMS)).encode() + b"{}"), "token-malformed"),
    "header nested 700 deep": (token(header=DEEP), "token-malformed"),
    "payload nested 5000 deep": (token(payload=b'{"x": ' + b"[" * 5000 + b"]" * 5000 + b"}"), "token-malformed"),
    "subject twice": (token(payload=twice('"sub": "admin"')), "token-malformed"),
    "subject twice, escaped": (token(payload=twice('"s\\u0075b": "admin"')), "token-malformed"),
    "alg twice": (token(header=b'{"alg": "RS256", "kid": "rsa", "typ": "JWT", "alg": "none"}'), "token-malformed"),
    "NaN": (token(payload=twice('"x": NaN')), "token-malformed"),
    "expires at Infinity": (token(exp=float("inf")), "token-malformed"),
    "lone surrogate": (token(payload=twice('"x": "\\ud800"')), "token-malformed"),
    # The header.
    "crit": (token(header={"crit": ["x"], "x": 1}), "token-malformed"),
    "crit empty": (token(header={"crit": []}), "token-malformed"),
    "b64 false": (token(header={"b64": False, "crit": ["b64"]}), "token-malformed"),
    "alg missing": (token(header={"alg": ...}), "token-malformed"),
    "alg a list": (token(header={"alg": ["RS256"]}), "token-malformed"),
    "alg an object": (token(header={"alg": {"RS256": 1}}), "token-malformed"),
    "alg a number": (token(header={"alg": 256}), "token-malformed"),
    "kid missing": (token(header={"kid": ...}), "token-malformed"),
    "kid empty": (token(header={"kid": ""}), "token-malformed"),
    "kid a number": (token(header={"kid": 1}), "token-malformed"),
    "kid too long": (token(header={"kid": "k" * 257}), "token-malformed"),
    "typ a list": (token(header={"typ": ["JWT"]}), "token-malformed"),
    "alg none": (token(header={"alg": "none"}), "algorithm-refused"),
    "alg None": (token(header={"alg": "None"}), "algorithm-refused"),
    "alg in lower case": (token(header={"alg": "rs256"}), "algorithm-refused"),
    "alg RS1": (token(header={"alg": "RS1"}), "algorithm-refused"),
    "HMAC with the public key, PEM": (as_hmac(public(RSA, Encoding.PEM)), "algorithm-refused"),
    "HMAC with the public key, DER": (as_hmac(public(RSA, Encoding.DER)), "algorithm-refused"),
    "HMAC with the key's JWK": (as_hmac(json.dumps(dict(RSA.jwk)).encode()), "algorithm-refused"),
    "logout token": (token(header={"typ": "logout+jwt"}), "type-refused"),
    "security event token": (token(header={"typ": "secevent+jwt"}), "type-refused"),
    "DPoP proof": (token(header={"typ": "dpop+jwt"}), "type-refused"),
    "no typ": (token(header={"typ": ...}), "type-refused"),
    # The key.
    "kid unknown": (token(header={"kid": "other"}), "key-unknown"),
    "kid of another algorithm": (token(header={"kid": "ps"}), "key-unknown"),
    "kid in upper case": (token(header={"kid": "RSA"}), "key-unknown"),
    "key for encryption": (token(FOR_ENCRYPTION), "key-unknown"),
    "RSA of 1024 bits": (token(WEAK), "key-unknown"),
    "ES256 with P-384": (token(WIDE), "key-unknown"),
    # The signature.
    "signed by a stranger": (token(STRANGER), "signature-invalid"),
    "claims exchanged": (replaced(GOOD_RAW, 1, segment({**CLAIMS, "sub": "admin"})), "signature-invalid"),
    "header exchanged": (
        replaced(GOOD_RAW, 0, segment({"alg": "RS256", "typ": "JWT", "kid": "rsa", "x": 1})),
        "signature-invalid",
    ),
    "signature of zeros": (replaced(GOOD_RAW, 2, b64(bytes(256))), "signature-invalid"),
    "signature too short": (replaced(GOOD_RAW, 2, "A" * 43), "signature-invalid"),
    "signature too long": (replaced(GOOD_RAW, 2, b64(bytes(1026))), "signature-invalid"),
    "EC signature of zeros": (replaced(token(EC), 2, b64(bytes(64))), "signature-invalid"),
    "EC signature in DER": (der_signed(), "signature-invalid"),
    "EdDSA signature of zeros": (replaced(token(ED), 2, b64(bytes(64))), "signature-invalid"),
    "PKCS 1.5 for PSS": (
        token(Signer("ps", "PS256", RSA.sign, RSA.jwk)),
        "signature-invalid",
    ),
    # The times.
    "exp missing": (token(exp=...), "time-missing"),
    "exp null": (token(exp=None), "time-missing"),
    "exp a list": (token(exp=[NOW + 60]), "time-missing"),
    "exp text": (token(exp=str(NOW + 60)), "time-missing"),
    "exp true": (token(exp=True), "time-missing"),
    "exp 1e999": (
        token(payload=spelled("exp", "1e999")),
        "time-missing",
    ),
    "exp of 5000 digits": (
        token(payload=spelled("exp", "9" * 5000)),
        "time-missing",
    ),
    "exp in milliseconds": (token(exp=(NOW + 60) * 1000), "time-missing"),
    "exp negative": (token(exp=-1), "time-missing"),
    "exp zero": (token(exp=0), "time-missing"),
    "expired": (token(iat=NOW - 400, exp=NOW - 100), "token-expired"),
    "expired at the leeway": (token(exp=NOW - 30), "token-expired"),
    "iat missing": (token(iat=...), "time-missing"),
    "iat null": (token(iat=None), "time-missing"),
    "iat in the future": (token(iat=NOW + 9999, exp=NOW + 9999 + 60), "token-early"),
    "nbf null": (token(nbf=None), "time-missing"),
    "nbf in the future": (token(nbf=NOW + 31), "token-early"),
    "lives a year": (token(exp=NOW + 31_536_000), "lifetime-too-long"),
    "issued long ago": (token(iat=NOW - 9000), "lifetime-too-long"),
    # The claims.
    "iss missing": (token(iss=...), "token-malformed"),
    "iss a list": (token(iss=[URL]), "token-malformed"),
    "aud missing": (token(aud=...), "audience-wrong"),
    "aud null": (token(aud=None), "audience-wrong"),
    "aud empty": (token(aud=[]), "audience-wrong"),
    "aud of another": (token(aud="other"), "audience-wrong"),
    "aud ours and another": (token(aud=["weighlock", "other"]), "audience-wrong"),
    "aud ours twice": (token(aud=["weighlock", "weighlock"]), "audience-wrong"),
    "aud with a slash": (token(aud="weighlock/"), "audience-wrong"),
    "aud an object": (token(aud={"weighlock": 1}), "audience-wrong"),
    "aud in a nested list": (token(aud=[["weighlock"]]), "audience-wrong"),
    "aud for approvals": (token(aud="weighlock-approvals"), "audience-wrong"),
    "sub missing": (token(sub=...), "subject-missing"),
    "sub empty": (token(sub=""), "subject-missing"),
    "sub blank": (token(sub=" \t"), "subject-missing"),
    "sub null": (token(sub=None), "subject-missing"),
    "sub a number": (token(sub=7), "subject-missing"),
    "required claim missing": (token(jti=...), "claim-missing"),
    "required claim empty": (token(jti=""), "claim-missing"),
    "required claim null": (token(jti=None), "claim-missing"),
    "required claim a list": (token(jti=["one"]), "claim-missing"),
}


@pytest.mark.parametrize(("raw", "expected"), CORPUS.values(), ids=CORPUS)
def test_what_is_wrong_with_a_token_is_refused_with_a_code_of_its_own(raw: str, expected: str) -> None:
    assert code(raw) == expected


@pytest.mark.parametrize("raw", [raw for raw, _ in CORPUS.values()], ids=CORPUS)
def test_a_refusal_never_quotes_the_token(raw: str) -> None:
    with pytest.raises(Unidentified) as caught:
        verified(raw)
    said = f"{caught.value} {caught.value.reason} {caught.value.next_step} {caught.value!r}"
    for planted in ("admin", "evil", CLAIMS["sub"], *(part for part in raw.split(".") if len(part) > 40)):
        assert planted not in said


@pytest.mark.parametrize("signer", GOOD, ids=lambda signer: signer.alg)
def test_an_issuer_that_does_not_use_an_algorithm_is_not_believed_with_it(signer: Signer) -> None:
    others = tuple(other.alg for other in GOOD if other is not signer)
    assert code(token(signer), an_issuer(algorithms=others)) == "algorithm-refused"


def test_verifying_refuses_a_type_or_algorithm_of_itself() -> None:
    """`allowed` is asked before a key is looked for; forgetting that call must not open anything."""
    for raw in (token(header={"typ": "logout+jwt"}), token(header={"alg": "HS256"})):
        with pytest.raises(Unidentified):
            tokens.verify(tokens.peek(raw), ISSUER, AUDIENCE, KEYS["rsa", "RS256"], NOW)


def test_one_issuers_key_does_not_verify_another_kind_of_signature() -> None:
    for signer, other in itertools.permutations(GOOD, 2):
        with pytest.raises(Unidentified, match="signature-invalid"):
            tokens.verify(tokens.peek(token(signer)), ISSUER, AUDIENCE, KEYS[other.kid, other.alg], NOW)


# -- laws -------------------------------------------------------------------------------------------------------------

SHORT = token(ED)


@given(st.text(max_size=200) | st.text("eyJhbGci.OiJ-_=0", max_size=200))
def test_no_text_makes_anything_but_a_refusal(text: str) -> None:
    with pytest.raises(Unidentified):
        verified(text)


@settings(max_examples=300)
@given(
    st.integers(0, len(SHORT) - 1),
    st.sampled_from(["-", "_", "A", "z", "9", ".", "=", "\0", "\n", "é", ""]),
    st.booleans(),
)
def test_every_change_of_one_character_is_refused(at: int, character: str, insert: bool) -> None:
    changed = SHORT[:at] + character + SHORT[at if insert else at + 1 :]
    if changed != SHORT:
        assert code(changed)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=5,
)


@given(st.sampled_from(sorted(CLAIMS)), JSON)
def test_a_signed_claim_of_any_shape_makes_an_answer_or_a_refusal(name: str, value: Any) -> None:
    with contextlib.suppress(Unidentified):
        assert verified(token(ED, **{name: value}))[name] == value


@given(st.sampled_from(["alg", "kid", "typ", "crit", "jku", "jwk", "x5c", "cty", "zip", "enc"]), JSON)
def test_a_header_member_of_any_shape_makes_an_answer_or_a_refusal(name: str, value: Any) -> None:
    with contextlib.suppress(Unidentified):
        assert verified(token(ED, header={name: value})) == CLAIMS


@given(st.integers(-2000, 2000), st.integers(-2000, 2000), st.integers(-2000, 2000))
def test_a_token_is_good_just_between_its_times(issued: int, begins: int, expires: int) -> None:
    raw = token(ED, iat=NOW + issued, nbf=NOW + begins, exp=NOW + expires)
    timely = issued <= 30 and begins <= 30 and expires > -30 and expires - issued <= 3600
    assert accepts(raw) == timely


# -- beside other libraries -------------------------------------------------------------------------------------------


@pytest.fixture
def one_clock(monkeypatch: pytest.MonkeyPatch) -> None:
    """PyJWT takes no time as an argument; the comparison must not depend on when it runs."""

    class Clock(datetime.datetime):
        @classmethod
        def now(cls, tz: datetime.tzinfo | None = None) -> Clock:
            return cls.fromtimestamp(NOW, tz)

    monkeypatch.setattr("jwt.api_jwt.datetime", Clock)


def pyjwt_accepts(raw: str) -> bool:
    try:
        header = pyjwt.get_unverified_header(raw)
        key = next(s for s in GOOD if s.kid == header["kid"] and s.alg == header["alg"])
        pyjwt.decode(
            raw,
            pyjwt.PyJWK(dict(key.jwk), algorithm=key.alg),
            algorithms=[key.alg],
            audience=AUDIENCE,
            issuer=URL,
            leeway=30,
            options={"require": ["exp", "iat", "sub", "aud", "iss"], "strict_aud": isinstance(_aud(raw), str)},
        )
    except Exception:
        return False
    return True


def joserfc_accepts(raw: str) -> bool:
    try:
        header = pyjwt.get_unverified_header(raw)
        key = next(s for s in GOOD if s.kid == header["kid"] and s.alg == header["alg"])
        found = joserfc.jwt.decode(raw, joserfc.jwk.import_key(dict(key.jwk)), algorithms=[key.alg])
        joserfc.jwt.JWTClaimsRegistry(
            leeway=30,
            now=NOW,
            iss={"essential": True, "value": URL},
            aud={"essential": True, "value": AUDIENCE},
            sub={"essential": True},
            exp={"essential": True},
            iat={"essential": True},
        ).validate(found.claims)
    except Exception:
        return False
    return True


def _aud(raw: str) -> Any:
    return pyjwt.decode(raw, options={"verify_signature": False})["aud"]


def accepts(raw: str) -> bool:
    try:
        verified(raw)
    except Unidentified:
        return False
    return True


@pytest.mark.usefixtures("one_clock")
@pytest.mark.filterwarnings("ignore:EdDSA")
@pytest.mark.parametrize("signer", GOOD, ids=lambda signer: signer.alg)
def test_the_other_libraries_believe_a_good_token_too(signer: Signer) -> None:
    """Or else the comparison below would compare nothing."""
    raw = token(signer)
    assert (accepts(raw), pyjwt_accepts(raw), joserfc_accepts(raw)) == (True, True, True)


@pytest.mark.usefixtures("one_clock")
def test_nothing_that_is_believed_here_is_refused_by_both_other_libraries() -> None:
    variants: dict[str, list[Any]] = {
        "exp": [NOW + 600, NOW + 5, NOW - 20, NOW - 40, NOW + 600.5, str(NOW + 600), None, ...],
        "iat": [NOW - 10, NOW + 20, NOW + 40, str(NOW), None, ...],
        "nbf": [..., NOW - 10, NOW + 20, NOW + 40, None],
        "aud": ["weighlock", ["weighlock"], ["weighlock", "other"], "other", ...],
        "sub": ["someone", "", None, 7],
    }
    heads = [{}, {"typ": "at+jwt"}, {"crit": ["x"], "x": 1}]
    believed = 0
    for values in itertools.product(*variants.values()):
        claims = dict(zip(variants, values, strict=True))
        for head in heads:
            raw = token(EC, header=head, **claims)
            if accepts(raw):
                believed += 1
                assert pyjwt_accepts(raw) or joserfc_accepts(raw), (head, claims)
    assert believed > 10


# -- keys -------------------------------------------------------------------------------------------------------------


def keys(*listed: Any) -> set[tuple[str, str]]:
    return set(tokens.usable_keys({"keys": list(listed)}))


@pytest.mark.parametrize("order", list(itertools.permutations([s.jwk for s in GOOD]))[::5])
def test_the_order_of_a_mixed_key_set_makes_no_difference(order: tuple[Any, ...]) -> None:
    assert keys(*order) == {(s.kid, s.alg) for s in GOOD}


def test_an_rsa_key_that_names_no_algorithm_serves_both_paddings() -> None:
    jwk = {name: value for name, value in RSA.jwk.items() if name not in ("alg", "use")}
    assert keys(jwk) == {("rsa", "RS256"), ("rsa", "PS256")}


UNFIT: dict[str, Any] = {
    "for encryption": FOR_ENCRYPTION.jwk,
    "use null": {**RSA.jwk, "use": None},
    "operations without verify": {**RSA.jwk, "key_ops": ["encrypt"]},
    "a private part": {**RSA.jwk, "d": "AQAB"},
    "RSA of 1024 bits": WEAK.jwk,
    "another curve": WIDE.jwk,
    "secp256k1": {**EC.jwk, "crv": "secp256k1"},
    "X25519": {**ED.jwk, "crv": "X25519"},
    "a point off the curve": {**EC.jwk, "y": EC.jwk["x"]},
    "half a point": {name: value for name, value in EC.jwk.items() if name != "y"},
    "Ed25519 too short": {**ED.jwk, "x": "AAAA"},
    "Ed25519 of no text": {**ED.jwk, "x": 7},
    "no modulus": {"kty": "RSA", "kid": "rsa", "e": "AQAB"},
    "modulus not base64": {**RSA.jwk, "n": "!!!"},
    "exponent 1": {**RSA.jwk, "e": "AQ"},
    "symmetric": {"kty": "oct", "kid": "oct", "k": "c2VjcmV0c2VjcmV0c2VjcmV0"},
    "of another algorithm": {**RSA.jwk, "alg": "RS512"},
    "HMAC by its own word": {**RSA.jwk, "alg": "HS256"},
    "no kid": {name: value for name, value in RSA.jwk.items() if name != "kid"},
    "kid a number": {**RSA.jwk, "kid": 1},
    "no object": "key",
}


@pytest.mark.parametrize("unfit", UNFIT.values(), ids=UNFIT)
def test_an_unfit_key_is_left_out_and_harms_no_other(unfit: Any) -> None:
    assert keys(unfit) == set()
    assert keys(unfit, EC.jwk | {"kid": "good"}) == {("good", "ES256")}


@pytest.mark.parametrize(
    "document",
    [None, [], "keys", {}, {"keys": None}, {"keys": {}}, {"keys": [dict(EC.jwk)] * 65}],
    ids=["null", "list", "text", "empty", "keys-null", "keys-object", "too-many"],
)
def test_what_is_no_key_set_is_an_error(document: Any) -> None:
    with pytest.raises(ValueError, match="JWKS"):
        tokens.usable_keys(document)


def test_two_keys_for_one_kid_are_an_error() -> None:
    with pytest.raises(ValueError, match="two keys"):
        keys(RSA.jwk, STRANGER.jwk)


def test_one_kid_may_name_keys_of_two_kinds() -> None:
    assert keys({**RSA.jwk, "kid": "k"}, {**EC.jwk, "kid": "k"}) == {("k", "RS256"), ("k", "ES256")}


def test_a_large_rsa_key_still_verifies() -> None:
    large = an_rsa("large", bits=4096)
    key = tokens.usable_keys({"keys": [dict(large.jwk)]})["large", "RS256"]
    assert tokens.verify(tokens.peek(token(large)), ISSUER, AUDIENCE, key, NOW) == CLAIMS


@pytest.mark.parametrize("make", [lambda: PS, lambda: RSA], ids=["PS256", "RS256"])
def test_a_key_made_for_one_padding_does_not_serve_the_other(make: Callable[[], Signer]) -> None:
    signer = make()
    assert keys(signer.jwk) == {(signer.kid, signer.alg)}
