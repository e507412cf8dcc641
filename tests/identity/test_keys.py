from __future__ import annotations

import itertools
from typing import Any

import pytest

from jwts import ALL, a_token, b64, claims, key_pair, verified
from weighlock.errors import Unidentified
from weighlock.identity.keys import usable_keys

RSA, EC, ED = key_pair(), key_pair("ES256", "ec"), key_pair("EdDSA", "ed")
P384 = key_pair("ES256", "ec", 384)


def without(name: str, jwk: dict[str, Any]) -> dict[str, Any]:
    return {member: value for member, value in jwk.items() if member != name}


UNFIT: dict[str, Any] = {
    "RSA of 1024 bits": key_pair(bits=1024).jwk(),
    "for encryption": RSA.jwk(use="enc"),
    "use null": RSA.jwk(use=None),
    "use a list": RSA.jwk(use=["sig"]),
    "for other operations": RSA.jwk(key_ops=["encrypt"]),
    "operations null": RSA.jwk(key_ops=None),
    "operations a number": RSA.jwk(key_ops=5),
    "operations a text": RSA.jwk(key_ops="do not verify"),
    "operations an object": RSA.jwk(key_ops={"verify": 1}),
    "no operations": RSA.jwk(key_ops=[]),
    "private": RSA.jwk(d="AQAB"),
    "for another algorithm": RSA.jwk(alg="RS512"),
    "for HMAC, by its own word": RSA.jwk(alg="HS256"),
    "without kid": without("kid", RSA.jwk()),
    "kid a number": RSA.jwk(kid=1),
    "no modulus": without("n", RSA.jwk()),
    "modulus a number": RSA.jwk(n=5),
    "modulus not base64": RSA.jwk(n="!!!"),
    "even exponent": RSA.jwk(e="Ag"),
    "exponent 1": RSA.jwk(e="AQ"),
    "symmetric": {"kty": "oct", "kid": "k1", "k": b64(b"x" * 32)},
    "curve P-384": P384.jwk(),
    "P-384 that calls itself P-256": P384.jwk(crv="P-256"),
    "secp256k1": EC.jwk(crv="secp256k1"),
    "curve a list": EC.jwk(crv=["P-256"]),
    "no point of the curve": EC.jwk(y=EC.jwk()["x"]),
    "half a point": without("y", EC.jwk()),
    "X25519": ED.jwk(crv="X25519"),
    "Ed25519 too short": ED.jwk(x=b64(b"x" * 31)),
    "Ed25519 a number": ED.jwk(x=7),
    "Ed25519 without x": without("x", ED.jwk()),
    "null": None,
    "a text": "key",
    "a list": [],
    "empty": {},
}


@pytest.mark.parametrize("name", UNFIT)
def test_an_unfit_key_is_left_out_and_a_good_one_beside_it_stays(name: str) -> None:
    good = key_pair("EdDSA", "good").jwk()

    assert set(usable_keys({"keys": [UNFIT[name], good]})) == {("good", "EdDSA")}


@pytest.mark.parametrize("document", [None, [], {}, {"keys": None}, {"keys": {}}, "keys", {"keys": [{}] * 65}])
def test_what_is_no_jwks_is_refused_whole(document: object) -> None:
    with pytest.raises(ValueError, match="not a JWKS"):
        usable_keys(document)


def test_two_keys_for_one_kid_make_the_jwks_worthless() -> None:
    with pytest.raises(ValueError, match="two keys"):
        usable_keys({"keys": [RSA.jwk(), key_pair("PS256", "k1").jwk()]})


def test_one_kid_may_name_keys_of_two_kinds() -> None:
    found = usable_keys({"keys": [key_pair("ES256", "k1").jwk(), key_pair("EdDSA", "k1").jwk()]})

    assert set(found) == {("k1", "ES256"), ("k1", "EdDSA")}


@pytest.mark.parametrize("order", list(itertools.permutations(range(4))))
def test_a_mixed_jwks_serves_every_token_in_any_order(order: tuple[int, ...]) -> None:
    pairs = [key_pair(alg, f"of-{alg}") for alg in ALL]
    keys = [pairs[index].jwk(alg=pairs[index].alg) for index in order]

    assert [verified(a_token(pair), keys) for pair in pairs] == [claims()] * 4


def test_an_rsa_key_that_names_no_algorithm_serves_each_padding_under_its_own_name_only() -> None:
    pkcs = key_pair("RS256", "both")
    pss = type(pkcs)("PS256", "both", pkcs.private)
    keys = [pkcs.jwk()]

    assert verified(a_token(pkcs), keys) == verified(a_token(pss), keys) == claims()
    for crossed in (a_token(pkcs, header={"alg": "PS256"}), a_token(pss, header={"alg": "RS256"})):
        with pytest.raises(Unidentified, match="signature-invalid"):
            verified(crossed, keys)


@pytest.mark.parametrize("alg", ["RS256", "PS256"])
def test_a_key_that_names_one_padding_does_not_serve_the_other(alg: str) -> None:
    assert set(usable_keys({"keys": [RSA.jwk(alg=alg)]})) == {("k1", alg)}


def test_a_large_rsa_key_verifies() -> None:
    large = key_pair(kid="large", bits=4096)

    assert verified(a_token(large), [large.jwk()]) == claims()
