from __future__ import annotations

import hashlib
import hmac
import itertools
import json
import warnings
from collections.abc import Callable
from typing import Any

import joserfc.jwk
import joserfc.jwt
import jwt as pyjwt
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from jwts import ALL, AUDIENCE, NOW, a_token, an_issuer, b64, claims, key_pair, raw_token, unb64
from weighlock.errors import Refused, Unidentified
from weighlock.identity import tokens
from weighlock.identity.issuers import Issuer

HEAD = json.dumps({"alg": "RS256", "kid": "k1", "typ": "JWT"}).encode()


def check(raw: str, keys: list[dict[str, Any]] | None = None, issuer: Issuer | None = None, now: float = NOW) -> Any:
    """What the gateway does with a token: its claims, or a refusal."""
    envelope = tokens.peek(raw)
    issuer = issuer or an_issuer()
    tokens.allowed(envelope, issuer)
    known = tokens.usable_keys({"keys": [key_pair().jwk()] if keys is None else keys})
    key = known.get((envelope.kid, envelope.alg))
    if key is None:
        raise Unidentified("key-unknown", "as the adapter for keys says it")
    return tokens.verify(envelope, issuer, issuer.audience, key, now)


def refusal(raw: str, **given: Any) -> str:
    with pytest.raises(Refused) as caught:
        check(raw, **given)
    assert caught.value.status == 401
    return caught.value.code


def header(**members: Any) -> str:
    return a_token(header=members)


def payload(text: str) -> str:
    """A token whose claims are written out, and that is signed all the same."""
    return raw_token(HEAD, text.encode(), key_pair())


def with_claim(name: str, text: str) -> str:
    return payload(f'{json.dumps(claims(**{name: None}))[:-1]}, "{name}": {text}}}')


def unsigned() -> str:
    return header(alg="none").rpartition(".")[0] + "."


def hmac_with_the_public_key() -> str:
    signed = header(alg="HS256").rpartition(".")[0]
    secret = json.dumps(key_pair().jwk()).encode()
    return f"{signed}.{b64(hmac.digest(secret, signed.encode(), hashlib.sha256))}"


def loose_last_character(segment: int) -> str:
    """The same bytes, spelled with bits that base64url leaves over."""
    alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    for filler in range(4):
        parts = a_token(jti="x" * filler, header={"x": "y" * filler}).split(".")
        text = parts[segment]
        if len(text) % 4:
            parts[segment] = text[:-1] + alphabet[alphabet.index(text[-1]) + 1]
            assert unb64(parts[segment]) == unb64(text)
            return ".".join(parts)
    raise AssertionError


def other_signature() -> str:
    signed, _, signature = a_token().rpartition(".")
    data = bytearray(unb64(signature))
    data[100] ^= 1
    return f"{signed}.{b64(bytes(data))}"


BAD, TIME = "token-malformed", "time-missing"
CORPUS: dict[str, tuple[Callable[[], str], str]] = {
    "empty": (lambda: "", BAD),
    "two segments": (lambda: a_token().rpartition(".")[0], BAD),
    "four segments": (lambda: a_token() + ".e30", BAD),
    "five segments, encrypted": (lambda: ".".join(["e30"] * 5), BAD),
    "JSON serialisation": (lambda: json.dumps({"payload": "e30", "signatures": []}), BAD),
    "none, without a signature": (unsigned, BAD),
    "none, with a signature": (lambda: header(alg="none"), "algorithm-refused"),
    "none, in odd letters": (lambda: header(alg="nOnE"), "algorithm-refused"),
    "HMAC with the public key": (hmac_with_the_public_key, "algorithm-refused"),
    "RS512": (lambda: header(alg="RS512"), "algorithm-refused"),
    "algorithm in lower case": (lambda: header(alg="rs256"), "algorithm-refused"),
    "algorithm empty": (lambda: header(alg=""), "algorithm-refused"),
    "algorithm missing": (lambda: header(alg=None), BAD),
    "algorithm a list": (lambda: header(alg=["RS256"]), BAD),
    "algorithm a number": (lambda: header(alg=256), BAD),
    "type of an access token": (lambda: header(typ="at+jwt"), "type-refused"),
    "type missing": (lambda: header(typ=None), "type-refused"),
    "type twice prefixed": (lambda: header(typ="application/application/jwt"), "type-refused"),
    "type a number": (lambda: header(typ=1), BAD),
    "critical extension": (lambda: header(crit=["b64"], b64=False), BAD),
    "critical, empty": (lambda: header(crit=[]), BAD),
    "kid missing": (lambda: header(kid=None), BAD),
    "kid empty": (lambda: header(kid=""), BAD),
    "kid long": (lambda: header(kid="k" * 257), BAD),
    "kid a number": (lambda: header(kid=1), BAD),
    "kid unknown": (lambda: header(kid="k2"), "key-unknown"),
    "kid a path": (lambda: header(kid="../../dev/null"), "key-unknown"),
    "key in the header": (lambda: header(kid="mine", jwk=key_pair(kid="mine").jwk()), "key-unknown"),
    "header with a member twice": (
        lambda: raw_token(b'{"alg":"none","alg":"RS256","kid":"k1","typ":"JWT"}', b"{}", key_pair()),
        BAD,
    ),
    "header a list": (lambda: raw_token(b"[]", b"{}", key_pair()), BAD),
    "header not JSON": (lambda: raw_token(b"alg", b"{}", key_pair()), BAD),
    "header with NaN": (lambda: header(x=float("nan")), BAD),
    "header nested 200 000 deep": (
        lambda: raw_token(b'{"alg":' + b"[" * 200_000 + b"]" * 200_000 + b"}", b"{}", key_pair()),
        BAD,
    ),
    "header nested as deep as fits": (
        lambda: raw_token(b'{"alg":' + b"[" * 700 + b"]" * 700 + b"}", b"{}", key_pair()),
        BAD,
    ),
    "claims nested as deep as fits": (lambda: with_claim("x", "[" * 5000 + "]" * 5000), BAD),
    "claims with a member twice": (lambda: with_claim("x", '1, "sub": "somebody else"'), BAD),
    "claims with a member twice, deep": (lambda: with_claim("x", '{"a": 1, "a": 2}'), BAD),
    "claims a list": (lambda: payload("[]"), BAD),
    "claims a text": (lambda: payload('"sub"'), BAD),
    "claims not UTF-8": (lambda: raw_token(HEAD, b'{"iss": "\xff"}', key_pair()), BAD),
    "claims with a byte order mark": (lambda: payload("\ufeff" + json.dumps(claims())), BAD),
    "claims with half a surrogate pair": (lambda: with_claim("x", r'"\ud800"'), BAD),
    "claims with more after": (lambda: payload(json.dumps(claims()) + "{}"), BAD),
    "header not canonical": (lambda: loose_last_character(0), BAD),
    "claims not canonical": (lambda: loose_last_character(1), BAD),
    "signature not canonical": (lambda: loose_last_character(2), BAD),
    "trailing newline": (lambda: a_token() + "\n", BAD),
    "leading space": (lambda: " " + a_token(), BAD),
    "newline inside": (lambda: a_token().replace(".", ".\n", 1), BAD),
    "padding": (lambda: a_token() + "==", BAD),
    "standard base64": (lambda: a_token()[:-1] + "+", BAD),
    "not ASCII": (lambda: a_token()[:-1] + "\u0661", BAD),
    "NUL": (lambda: a_token() + "\0", BAD),
    "20 MB": (lambda: a_token() + "A" * 20_000_000, BAD),
    "20 MB of dots": (lambda: "." * 20_000_000, BAD),
    "20 MB of claims": (lambda: a_token().replace(".", "." + "A" * 20_000_000, 1), BAD),
    "issuer missing": (lambda: a_token(iss=None), BAD),
    "issuer a number": (lambda: a_token(iss=5), BAD),
    "issuer a list": (lambda: a_token(iss=["https://issuer.example"]), BAD),
    "signature of another key": (
        lambda: raw_token(HEAD, json.dumps(claims()).encode(), key_pair(kid="other")),
        "signature-invalid",
    ),
    "signature with a bit flipped": (other_signature, "signature-invalid"),
    "signature of zeros": (lambda: a_token().rpartition(".")[0] + "." + "A" * 342, "signature-invalid"),
    "signature of another token": (
        lambda: a_token(sub="admin").rpartition(".")[0] + "." + a_token().rpartition(".")[2],
        "signature-invalid",
    ),
    "subject missing": (lambda: a_token(sub=None), "subject-missing"),
    "subject null": (lambda: with_claim("sub", "null"), "subject-missing"),
    "subject empty": (lambda: a_token(sub=""), "subject-missing"),
    "subject blank": (lambda: a_token(sub=" \t"), "subject-missing"),
    "subject a number": (lambda: a_token(sub=7), "subject-missing"),
    "audience missing": (lambda: a_token(aud=None), "audience-wrong"),
    "audience another": (lambda: a_token(aud="api"), "audience-wrong"),
    "audience a part of it": (lambda: a_token(aud="weigh"), "audience-wrong"),
    "audience in capitals": (lambda: a_token(aud="Weighlock"), "audience-wrong"),
    "two audiences": (lambda: a_token(aud=[AUDIENCE, "api"]), "audience-wrong"),
    "the audience twice": (lambda: a_token(aud=[AUDIENCE, AUDIENCE]), "audience-wrong"),
    "an empty list of audiences": (lambda: a_token(aud=[]), "audience-wrong"),
    "audience a mapping": (lambda: a_token(aud={AUDIENCE: 1}), "audience-wrong"),
    "audience a nested list": (lambda: a_token(aud=[[AUDIENCE]]), "audience-wrong"),
    "expiry missing": (lambda: a_token(exp=None), TIME),
    "expiry null": (lambda: with_claim("exp", "null"), TIME),
    "expiry text": (lambda: a_token(exp=str(int(NOW) + 600)), TIME),
    "expiry a list": (lambda: a_token(exp=[int(NOW) + 600]), TIME),
    "expiry true": (lambda: a_token(exp=True), TIME),
    "expiry NaN": (lambda: with_claim("exp", "NaN"), BAD),
    "expiry Infinity": (lambda: with_claim("exp", "Infinity"), BAD),
    "expiry -Infinity": (lambda: with_claim("exp", "-Infinity"), BAD),
    "expiry that overflows": (lambda: with_claim("exp", "1e999"), TIME),
    "expiry of many digits": (lambda: with_claim("exp", "9" * 5000), TIME),
    "expiry in milliseconds": (lambda: a_token(exp=int(NOW + 600) * 1000), TIME),
    "expiry negative": (lambda: a_token(exp=-1), TIME),
    "expiry zero": (lambda: a_token(exp=0), TIME),
    "issued missing": (lambda: a_token(iat=None), TIME),
    "issued text": (lambda: a_token(iat="now"), TIME),
    "not before, text": (lambda: a_token(nbf="now"), TIME),
    "not before, null": (lambda: with_claim("nbf", "null"), TIME),
    "issued in the future": (lambda: a_token(iat=int(NOW) + 31), "token-early"),
    "not valid yet": (lambda: a_token(nbf=int(NOW) + 31), "token-early"),
    "expired": (lambda: a_token(exp=int(NOW) - 30, iat=int(NOW) - 90), "token-expired"),
    "lives too long": (lambda: a_token(exp=int(NOW) + 3600, iat=int(NOW) - 1), "lifetime-too-long"),
}


@pytest.mark.parametrize("name", CORPUS)
def test_every_bad_token_is_refused_with_its_own_code(name: str) -> None:
    make, code = CORPUS[name]

    assert refusal(make()) == code


@pytest.mark.parametrize("alg", ALL)
def test_a_good_token_of_each_algorithm_is_accepted(alg: str) -> None:
    pair = key_pair(alg, f"of-{alg}")
    accepted = check(a_token(pair, actor=7, share=0.5, deep={"n": [1]}), keys=[pair.jwk(alg=alg)])

    assert accepted == claims(actor=7, share=0.5, deep={"n": [1]})
    assert [type(accepted[name]) for name in ("iat", "actor", "share")] == [int, int, float]


@pytest.mark.parametrize("alg", ALL)
def test_forged_claims_are_refused_under_each_algorithm(alg: str) -> None:
    pair = key_pair(alg, f"of-{alg}")
    head, _, signature = a_token(pair).split(".")
    forged = b64(json.dumps(claims(sub="admin")).encode())

    assert refusal(f"{head}.{forged}.{signature}", keys=[pair.jwk()]) == "signature-invalid"


@pytest.mark.parametrize("alg", ALL)
def test_an_algorithm_that_the_issuer_does_not_use_is_refused(alg: str) -> None:
    pair = key_pair(alg, f"of-{alg}")
    others = tuple(other for other in ALL if other != alg)

    assert refusal(a_token(pair), keys=[pair.jwk()], issuer=an_issuer(algorithms=others)) == "algorithm-refused"


def test_hmac_and_none_stay_refused_even_where_an_issuer_would_list_them() -> None:
    lax = an_issuer(algorithms=("HS256", "none"))

    assert refusal(hmac_with_the_public_key(), issuer=lax) == "algorithm-refused"
    assert refusal(header(alg="none"), issuer=lax) == "algorithm-refused"


def test_one_rsa_key_serves_each_padding_under_its_own_name_only() -> None:
    pkcs = key_pair("RS256", "both")
    pss = type(pkcs)("PS256", "both", pkcs.private)
    keys = [pkcs.jwk()]

    assert check(a_token(pkcs), keys=keys) == check(a_token(pss), keys=keys) == claims()
    assert refusal(a_token(pkcs, header={"alg": "PS256"}), keys=keys) == "signature-invalid"
    assert refusal(a_token(pss, header={"alg": "RS256"}), keys=keys) == "signature-invalid"


def test_the_second_before_and_after_each_bound_make_the_difference() -> None:
    issued, expires, raw = int(NOW) - 10, int(NOW) + 600, a_token()

    assert check(raw, now=expires + 29.9) == check(raw, now=issued - 30.0) == claims()
    assert refusal(raw, now=expires + 30.0) == "token-expired"
    assert refusal(raw, now=issued - 30.1) == "token-early"
    assert check(a_token(exp=issued + 3600))["exp"] == issued + 3600
    assert refusal(a_token(exp=issued + 3601)) == "lifetime-too-long"


def test_one_audience_in_a_list_is_one_audience() -> None:
    assert check(a_token(aud=[AUDIENCE]))["aud"] == [AUDIENCE]


def test_the_type_is_compared_without_case_and_without_its_prefix() -> None:
    assert check(header(typ="application/JWT")) == claims()
    assert check(header(typ=None), issuer=an_issuer(types=("",))) == claims()


@pytest.mark.parametrize("bad", [{}, {"job": ""}, {"job": 5}, {"job": ["x"]}, {"job": True}])
def test_a_required_claim_must_be_text(bad: dict[str, Any]) -> None:
    strict = an_issuer(required=("job",))

    assert check(a_token(job="nightly"), issuer=strict)["job"] == "nightly"
    assert refusal(a_token(**bad), issuer=strict) == "claim-missing"


def test_a_signed_number_of_any_length_is_answered_and_nothing_else_escapes() -> None:
    raw = with_claim("x", "9" * 5000)
    try:
        outcome = check(raw)["sub"]
    except Refused as refused:
        outcome = refused.code

    assert outcome in ("repo:acme/nightly", BAD)


def test_a_token_id_does_not_depend_on_the_signature() -> None:
    pair = key_pair("ES256", "ec")
    one = a_token(pair)
    signed = one.rpartition(".")[0]
    two = f"{signed}.{b64(pair.sign(signed.encode()))}"

    assert one != two
    assert tokens.peek(one).token_id == tokens.peek(two).token_id == hashlib.sha256(signed.encode()).hexdigest()
    assert tokens.peek(one).token_id != tokens.peek(a_token(pair, jti="2")).token_id


def test_nothing_of_a_token_stands_in_its_repr_or_in_its_refusal() -> None:
    raw = a_token(sub="", secret="correct horse")

    assert raw not in repr(tokens.peek(raw))
    assert "horse" not in repr(tokens.peek(raw))
    with pytest.raises(Unidentified) as caught:
        check(raw)
    assert "horse" not in f"{caught.value}{caught.value.next_step}"


# -- keys --------------------------------------------------------------------------------------------------------------

P384 = key_pair("ES256", "ec", 384)
UNFIT: dict[str, Any] = {
    "RSA of 1024 bits": key_pair(bits=1024).jwk(),
    "for encryption": key_pair().jwk(use="enc"),
    "use is a list": key_pair().jwk(use=["sig"]),
    "for other operations": key_pair().jwk(key_ops=["encrypt"]),
    "operations are null": key_pair().jwk(key_ops=None),
    "operations are a number": key_pair().jwk(key_ops=5),
    "private": key_pair().jwk(d="AQAB"),
    "for another algorithm": key_pair().jwk(alg="RS512"),
    "without kid": {name: value for name, value in key_pair().jwk().items() if name != "kid"},
    "kid is a number": key_pair().jwk(kid=1),
    "no modulus": {"kty": "RSA", "kid": "k1", "e": "AQAB"},
    "modulus is a number": key_pair().jwk(n=5),
    "modulus is not base64": key_pair().jwk(n="!"),
    "even exponent": key_pair().jwk(e="Ag"),
    "symmetric": {"kty": "oct", "kid": "k1", "k": b64(b"x" * 32)},
    "curve P-384": P384.jwk(),
    "P-384 that calls itself P-256": P384.jwk(crv="P-256"),
    "no point of the curve": key_pair("ES256", "ec").jwk(y=b64(b"\1" * 32)),
    "curve is a list": key_pair("ES256", "ec").jwk(crv=["P-256"]),
    "X25519": key_pair("EdDSA", "ed").jwk(crv="X25519"),
    "Ed25519 too short": key_pair("EdDSA", "ed").jwk(x=b64(b"x" * 31)),
    "Ed25519 without x": {"kty": "OKP", "crv": "Ed25519", "kid": "ed"},
    "null": None,
    "a text": "key",
    "a list": [],
    "empty": {},
}


@pytest.mark.parametrize("name", UNFIT)
def test_an_unfit_key_is_left_out_and_a_good_one_beside_it_stays(name: str) -> None:
    good = key_pair("EdDSA", "good").jwk()

    assert set(tokens.usable_keys({"keys": [UNFIT[name], good]})) == {("good", "EdDSA")}


def test_a_token_of_an_unfit_key_is_refused() -> None:
    for pair in (key_pair(bits=1024), P384):
        assert refusal(a_token(pair), keys=[pair.jwk()]) == "key-unknown"


@pytest.mark.parametrize("document", [None, [], {}, {"keys": None}, {"keys": {}}, "keys", {"keys": [{}] * 65}])
def test_what_is_no_jwks_is_refused_whole(document: object) -> None:
    with pytest.raises(ValueError, match="not a JWKS"):
        tokens.usable_keys(document)


def test_two_keys_for_one_kid_make_the_jwks_worthless() -> None:
    with pytest.raises(ValueError, match="two keys"):
        tokens.usable_keys({"keys": [key_pair("RS256", "k1").jwk(), key_pair("PS256", "k1").jwk()]})


def test_one_kid_may_name_keys_of_two_kinds() -> None:
    found = tokens.usable_keys({"keys": [key_pair("ES256", "k1").jwk(), key_pair("EdDSA", "k1").jwk()]})

    assert set(found) == {("k1", "ES256"), ("k1", "EdDSA")}


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_a_mixed_jwks_serves_every_token_in_any_order(order: tuple[int, ...]) -> None:
    pairs = [key_pair(alg, f"of-{alg}") for alg in ALL]
    keys = [pairs[index].jwk(alg=pairs[index].alg) for index in order]

    assert [check(a_token(pair), keys=keys)["sub"] for pair in pairs] == ["repo:acme/nightly"] * 4


# -- fuzz, and two other libraries -------------------------------------------------------------------------------------


@settings(max_examples=300, deadline=None)
@given(st.text() | st.from_regex(r"[A-Za-z0-9_=-]{0,30}(\.[A-Za-z0-9_=-]{0,60}){1,4}", fullmatch=True))
def test_no_text_is_taken_for_a_token(raw: str) -> None:
    with pytest.raises(Unidentified):
        check(raw)


def others(raw: str, jwk: dict[str, Any], alg: str) -> list[str]:
    """Which of two other libraries take this token. Time is not theirs to judge: they read the real clock."""
    accepted = []
    timeless = {"verify_exp": False, "verify_iat": False, "verify_nbf": False}

    def by_pyjwt() -> None:
        pyjwt.decode(raw, pyjwt.PyJWK(jwk, algorithm=alg), algorithms=[alg], audience=AUDIENCE, options=timeless)

    def by_joserfc() -> None:
        decoded = joserfc.jwt.decode(raw, joserfc.jwk.import_key(jwk), algorithms=[alg])
        aud = {"essential": True, "value": AUDIENCE}
        joserfc.jwt.JWTClaimsRegistry(now=int(NOW), leeway=30, aud=aud).validate(decoded.claims)

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for library in (by_pyjwt, by_joserfc):
            try:
                library()
            except Exception:
                continue
            accepted.append(library.__name__)
    return accepted


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(), lambda inner: st.lists(inner), max_leaves=4
)
near = st.integers(int(NOW) - 100, int(NOW) + 4000)
harmless: dict[str, st.SearchStrategy[Any]] = {
    "exp": near | json_values,
    "iat": near | json_values,
    "nbf": near | json_values,
    "aud": st.sampled_from([AUDIENCE, [AUDIENCE], [AUDIENCE, "api"]]) | json_values,
    "sub": st.text() | json_values,
    "jti": st.text(),
}


@settings(max_examples=300, deadline=None)
@given(
    st.fixed_dictionaries({}, optional=dict.fromkeys(("alg", "kid", "typ", "crit", "jwk", "x"), json_values)),
    st.fixed_dictionaries({}, optional=harmless),
)
def test_nothing_that_is_accepted_here_is_refused_by_both_other_libraries(
    members: dict[str, Any], given_claims: dict[str, Any]
) -> None:
    pair = key_pair("ES256", "ec")
    head = {"alg": "ES256", "kid": "ec", "typ": "JWT"} | members
    raw = raw_token(json.dumps(head).encode(), json.dumps(claims() | given_claims).encode(), pair)
    try:
        check(raw, keys=[pair.jwk()])
    except Refused:
        return
    assert others(raw, pair.jwk(), "ES256")


@pytest.mark.parametrize("bad", ["null", "5", "[]"])
def test_a_token_whose_jti_is_no_text_is_refused_as_others_refuse_it(bad: str) -> None:
    raw = with_claim("jti", bad)

    assert others(raw, key_pair().jwk(), "RS256") == []
    assert refusal(raw) == BAD


@pytest.mark.parametrize("alg", ALL)
def test_good_tokens_are_accepted_here_and_by_both_other_libraries(alg: str) -> None:
    pair = key_pair(alg, f"of-{alg}")
    for raw in (a_token(pair), a_token(pair, aud=[AUDIENCE]), a_token(pair, nbf=int(NOW))):
        assert check(raw, keys=[pair.jwk()])["sub"]
        assert others(raw, pair.jwk(), alg) == ["by_pyjwt", "by_joserfc"]


def test_the_two_other_libraries_can_say_no() -> None:
    for raw in (other_signature(), a_token(aud="api"), hmac_with_the_public_key(), unsigned()):
        assert others(raw, key_pair().jwk(), "RS256") == []
