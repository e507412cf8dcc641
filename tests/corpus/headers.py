"""What is wrong with a header, a key or a signature."""

from __future__ import annotations

import json
from collections.abc import Mapping

from cryptography.hazmat.primitives.serialization import Encoding

from corpus.forging import (
    EC,
    ED,
    FOR_ENCRYPTION,
    HEAD,
    P384,
    PS,
    SHORT_RSA,
    Case,
    beyond_the_order,
    der,
    head,
    header,
    hmac_under,
    over_sha512,
    public,
    segment,
    signature,
    with_another_salt,
    without_armour,
)
from jwts import a_token, b64, claims, key_pair, raw_token

HEADER: Mapping[str, Case] = {
    "a critical extension": (lambda: header(crit=["x"], x=1), "token-critical"),
    "critical, empty": (lambda: header(crit=[]), "token-critical"),
    "critical, no list": (lambda: header(crit="exp"), "token-critical"),
    "unencoded claims, said so": (lambda: header(crit=["b64"], b64=False), "token-critical"),
    "unencoded claims, not said so": (lambda: header(b64=False), "token-unencoded"),
    "algorithm missing": (lambda: header(alg=None), "algorithm-missing"),
    "algorithm null": (lambda: head('{"alg": null, "kid": "k1", "typ": "JWT"}'), "algorithm-missing"),
    "algorithm a list": (lambda: header(alg=["RS256"]), "algorithm-missing"),
    "algorithm an object": (lambda: header(alg={"RS256": 1}), "algorithm-missing"),
    "algorithm a number": (lambda: header(alg=256), "algorithm-missing"),
    "algorithm empty": (lambda: header(alg=""), "algorithm-refused"),
    "none, with a signature": (lambda: header(alg="none"), "algorithm-refused"),
    "none, in odd letters": (lambda: header(alg="nOnE"), "algorithm-refused"),
    "RS256 in lower case": (lambda: header(alg="rs256"), "algorithm-refused"),
    "RS256 with a space": (lambda: header(alg="RS256 "), "algorithm-refused"),
    "RS512": (lambda: header(alg="RS512"), "algorithm-refused"),
    "RS1": (lambda: header(alg="RS1"), "algorithm-refused"),
    "ES256K": (lambda: header(alg="ES256K"), "algorithm-refused"),
    "an algorithm of encryption": (lambda: header(alg="RSA-OAEP", enc="A256GCM"), "algorithm-refused"),
    "HMAC with the public key, PEM": (lambda: hmac_under(public(Encoding.PEM)), "algorithm-refused"),
    "HMAC with the public key, PEM bare": (lambda: hmac_under(without_armour()), "algorithm-refused"),
    "HMAC with the public key, DER": (lambda: hmac_under(public(Encoding.DER)), "algorithm-refused"),
    "HMAC with the key's JWK": (lambda: hmac_under(json.dumps(key_pair().jwk()).encode()), "algorithm-refused"),
    "HMAC with nothing": (lambda: hmac_under(b""), "algorithm-refused"),
    "kid missing": (lambda: header(kid=None), "key-unnamed"),
    "kid empty": (lambda: header(kid=""), "key-unnamed"),
    "kid a number": (lambda: header(kid=1), "key-unnamed"),
    "kid of 257 characters": (lambda: header(kid="k" * 257), "key-unnamed"),
    "kid unknown": (lambda: header(kid="k2"), "key-unknown"),
    "kid in capitals": (lambda: header(kid="K1"), "key-unknown"),
    "kid a path": (lambda: header(kid="../../dev/null"), "key-unknown"),
    "kid a query": (lambda: header(kid="k1' OR '1'='1"), "key-unknown"),
    "kid of another algorithm": (lambda: header(kid="ps"), "key-unknown"),
    "kid of another kind of key": (lambda: header(kid="ed"), "key-unknown"),
    "RSA of 1024 bits": (lambda: a_token(SHORT_RSA), "key-unknown"),
    "ES256 with P-384": (lambda: a_token(P384), "key-unknown"),
    "a key for encryption": (lambda: a_token(FOR_ENCRYPTION), "key-unknown"),
    "its own key in the header": (
        lambda: a_token(key_pair(kid="mine"), header={"jwk": key_pair(kid="mine").jwk()}),
        "key-unknown",
    ),
    "its own key by URL": (
        lambda: a_token(key_pair(kid="mine"), header={"jku": "https://evil.example/k", "x5u": "https://evil.example"}),
        "key-unknown",
    ),
    "type a list": (lambda: header(typ=["JWT"]), "type-malformed"),
    "type null": (lambda: head('{"alg": "RS256", "kid": "k1", "typ": null}'), "type-malformed"),
    "type missing": (lambda: header(typ=None), "type-refused"),
    "type empty": (lambda: header(typ=""), "type-refused"),
    "type of an access token": (lambda: header(typ="at+jwt"), "type-refused"),
    "type of a logout token": (lambda: header(typ="logout+jwt"), "type-refused"),
    "type of a security event": (lambda: header(typ="secevent+jwt"), "type-refused"),
    "type of a DPoP proof": (lambda: header(typ="dpop+jwt"), "type-refused"),
    "type with its prefix twice": (lambda: header(typ="application/application/jwt"), "type-refused"),
}

SIGNATURE: Mapping[str, Case] = {
    "signed by a stranger": (
        lambda: raw_token(HEAD, json.dumps(claims()).encode(), key_pair(kid="other")),
        "signature-invalid",
    ),
    "signed by a stranger, whose key is in the header": (
        lambda: a_token(key_pair(kid="other"), header={"kid": "k1", "jwk": key_pair(kid="other").jwk()}),
        "signature-invalid",
    ),
    "other claims": (
        lambda: segment(1, lambda _: b64(json.dumps(claims(sub="admin")).encode())),
        "signature-invalid",
    ),
    "another header": (
        lambda: segment(0, lambda _: b64(HEAD.replace(b"}", b', "x": 1}'))),
        "signature-invalid",
    ),
    "a signature of another token": (
        lambda: a_token(sub="admin").rpartition(".")[0] + "." + a_token().rpartition(".")[2],
        "signature-invalid",
    ),
    "a bit of it": (lambda: signature(lambda s: s[:99] + bytes([s[99] ^ 1]) + s[100:]), "signature-invalid"),
    "zeros": (lambda: signature(lambda _: bytes(256)), "signature-invalid"),
    "one": (lambda: signature(lambda _: bytes(255) + b"\1"), "signature-invalid"),
    "a byte short": (lambda: signature(lambda s: s[:-1]), "signature-invalid"),
    "a byte more": (lambda: signature(lambda s: b"\0" + s), "signature-invalid"),
    "far too short": (lambda: signature(lambda _: b"\1"), "signature-invalid"),
    "far too long": (lambda: signature(lambda s: s * 40), "signature-invalid"),
    "larger than the modulus": (lambda: signature(lambda _: b"\xff" * 256), "signature-invalid"),
    "PKCS 1.5 for PSS": (
        lambda: a_token(type(PS)("RS256", "ps", PS.private), header={"alg": "PS256"}),
        "signature-invalid",
    ),
    "PSS with another salt": (with_another_salt, "signature-invalid"),
    "ES256 of zeros (CVE-2022-21449)": (lambda: signature(lambda _: bytes(64), a_token(EC)), "signature-invalid"),
    "ES256 in DER": (lambda: signature(der, a_token(EC)), "signature-invalid"),
    "ES256 with a byte more": (lambda: signature(lambda s: s + b"\0", a_token(EC)), "signature-invalid"),
    "ES256 over SHA-512": (over_sha512, "signature-invalid"),
    "EdDSA of zeros": (lambda: signature(lambda _: bytes(64), a_token(ED)), "signature-invalid"),
    "EdDSA with s beyond the order": (beyond_the_order, "signature-invalid"),
}
