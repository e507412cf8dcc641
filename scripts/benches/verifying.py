"""Tokens verified in a second by one core, with the issuer's key at hand, beside PyJWT with everything required.

The claims are those that GitHub Actions puts in a job's token. Both verify the same tokens in turns.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from typing import Any

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from figures import Figure, figure
from jwt.algorithms import ECAlgorithm, RSAAlgorithm

from weighlock.identity import tokens
from weighlock.identity.issuers import Issuer
from weighlock.identity.keys import usable_keys

RUNS = 15
SECONDS = 0.3
"""For each run."""
URL, AUDIENCE = "https://token.actions.githubusercontent.com", "weighlock"
CLAIMS: Mapping[str, str] = {
    "jti": "0ab1c2d3-4e5f-6071-8293-a4b5c6d7e8f9",
    "sub": "repo:octo-org@65/octo-repo@74:environment:prod",
    "environment": "prod",
    "ref": "refs/heads/main",
    "sha": "0f1e2d3c4b5a69788796a5b4c3d2e1f00f1e2d3c",
    "repository": "octo-org/octo-repo",
    "repository_owner": "octo-org",
    "repository_id": "74",
    "repository_owner_id": "65",
    "repository_visibility": "private",
    "actor": "octocat",
    "actor_id": "12",
    "run_id": "10829384756",
    "run_number": "10",
    "run_attempt": "2",
    "runner_environment": "github-hosted",
    "workflow": "nightly",
    "workflow_ref": "octo-org/octo-repo/.github/workflows/nightly.yml@refs/heads/main",
    "head_ref": "",
    "base_ref": "",
    "event_name": "schedule",
    "ref_type": "branch",
    "ref_protected": "true",
    "job_workflow_ref": "octo-org/octo-automation/.github/workflows/oidc.yml@refs/heads/main",
}


def ours(raw: str, jwk: Mapping[str, Any], alg: str) -> Callable[[], object]:
    """As `adapters.identifier` verifies, its search for the issuer and the key included."""
    issuers = {URL: Issuer(URL, f"{URL}/jwks", AUDIENCE, algorithms=(alg,), required=("jti", "repository_id"))}
    keys = usable_keys({"keys": [jwk]})

    def verify() -> object:
        envelope = tokens.peek(raw)
        issuer = issuers[envelope.issuer]
        tokens.allowed(envelope, issuer)
        return tokens.verify(envelope, issuer, AUDIENCE, keys[envelope.kid, envelope.alg], time.time())

    return verify


def theirs(raw: str, jwk: Mapping[str, Any], alg: str) -> Callable[[], object]:
    key = jwt.PyJWK(dict(jwk), algorithm=alg)
    options: Any = {"require": ["exp", "iat", "nbf", "aud", "iss", "sub", "jti"], "strict_aud": True}
    return lambda: jwt.decode(raw, key, algorithms=[alg], audience=AUDIENCE, issuer=URL, leeway=30, options=options)


def rate(verify: Callable[[], object]) -> float:
    count, began = 0, time.process_time()
    while (spent := time.process_time() - began) < SECONDS:
        for _ in range(50):
            verify()
        count += 50
    return count / spent


def run(progress: Callable[[str], None]) -> list[Figure]:
    figures = []
    for alg in ("RS256", "ES256"):
        rsa_key, ec_key = rsa.generate_private_key(65537, 2048), ec.generate_private_key(ec.SECP256R1())
        private: Any = rsa_key if alg == "RS256" else ec_key
        public = (
            RSAAlgorithm.to_jwk(rsa_key.public_key()) if alg == "RS256" else ECAlgorithm.to_jwk(ec_key.public_key())
        )
        jwk = {"kid": "one", "use": "sig", **{n: v for n, v in json.loads(public).items() if n != "key_ops"}}
        now = int(time.time())
        times = {"iat": now, "nbf": now - 600, "exp": now + 900}
        raw = jwt.encode({**CLAIMS, "iss": URL, "aud": AUDIENCE, **times}, private, alg, headers={"kid": "one"})
        rates: dict[str, list[float]] = {"ours": [], "PyJWT": []}
        for turn in range(RUNS):
            progress(f"{alg}, round {turn + 1} of {RUNS}")
            rates["ours"].append(rate(ours(raw, jwk, alg)))
            rates["PyJWT"].append(rate(theirs(raw, jwk, alg)))
        figures.append(figure(f"{alg} tokens, beside PyJWT", "tokens/s", rates["ours"], rates["PyJWT"]))
    return figures
