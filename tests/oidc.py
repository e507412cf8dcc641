"""A real OpenID provider for tests: panva's oidc-provider on loopback, as a process of its own."""

from __future__ import annotations

import json
import re
import secrets
import subprocess
import threading
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import httpx
from joserfc import jwt
from joserfc.jwk import ECKey, Key, OKPKey, RSAKey

from demo.issuer import APPROVER_AUDIENCE, AUDIENCE

FOLDER = Path(__file__).parent / "idp"
ALGORITHMS = ("RS256", "ES256", "EdDSA", "PS256")
DEVICE = "urn:ietf:params:oauth:grant-type:device_code"
PEOPLE = {
    "alice": {"email": "alice@example.com", "groups": ["security"]},
    "dana": {"email": "dana@example.com", "groups": ["security"]},
    "lee": {"email": "lee@example.com", "groups": ["security"]},
    "eve": {"email": "eve@example.com", "groups": ["guests"]},
}


def a_key(alg: str, kid: str) -> Key:
    """A private key."""
    named: dict[str, Any] = {"kid": kid, "alg": alg, "use": "sig"}
    if alg == "ES256":
        return ECKey.generate_key("P-256", named)
    return OKPKey.generate_key("Ed25519", named) if alg == "EdDSA" else RSAKey.generate_key(2048, named)


def a_key_of_each_kind(suffix: str = "1") -> list[Key]:
    """Their kids end in *suffix*."""
    return [a_key(alg, f"{alg}-{suffix}") for alg in ALGORITHMS]


class OidcProvider:
    """Runs from `start` to `stop`, or as a context manager. Of *keys*, the first that fits an algorithm signs."""

    introspector = ("gateway", "secret")
    """The gateway's own client, which may ask about every token (RFC 7662)."""

    def __init__(self, keys: Sequence[Key] = (), redirects: Sequence[str] = ("http://127.0.0.1:1/none",)) -> None:
        self.keys: Sequence[Key] = keys or a_key_of_each_kind()
        self.redirects = redirects
        self._process: subprocess.Popen[str] | None = None
        self._reader: threading.Thread | None = None
        self._port = 0
        self._dpop = a_key("ES256", "dpop")

    @property
    def url(self) -> str:
        """The issuer, which stays the same over a restart."""
        return f"http://127.0.0.1:{self._port}"

    @property
    def jwks_url(self) -> str:
        return f"{self.url}/jwks"

    @property
    def introspection_url(self) -> str:
        return f"{self.url}/token/introspection"

    def start(self) -> None:
        """RuntimeError with the provider's own words where it does not come up."""
        configuration = {
            "port": self._port,
            "keys": [key.as_dict(private=True) for key in self.keys],
            "audience": AUDIENCE,
            "approvals": APPROVER_AUDIENCE,
            "accounts": PEOPLE,
            "redirects": list(self.redirects),
        }
        self._process = subprocess.Popen(
            ["node", "provider.mjs"],
            cwd=FOLDER,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        with self._process.stdin as told:
            told.write(json.dumps(configuration))
        said = ""
        for line in self._process.stdout:
            said += line
            if found := re.fullmatch(r"LISTEN http://127\.0\.0\.1:(\d+)\n", line):
                self._port = int(found[1])
                self._reader = threading.Thread(target=self._process.stdout.read, daemon=True)
                self._reader.start()
                return
        self.stop()
        raise RuntimeError(f"the OpenID provider did not start; ./scripts/test installs it:\n{said}")

    def stop(self) -> None:
        if self._process is not None:
            self._process.terminate()
            self._process.wait(10)
            if self._reader is not None:
                self._reader.join()
            assert self._process.stdout is not None
            self._process.stdout.close()
            self._process = self._reader = None

    def restart(self, keys: Sequence[Key]) -> None:
        """On the same port, with other keys; it forgets every opaque token."""
        self.stop()
        self.keys = keys
        self.start()

    def token(self, alg: str = "RS256", *, lifetime: int = 300, **claims: Any) -> str:
        """A job's access token by client credentials (RFC 9068, `at+jwt`); with `opaque` for *alg*, an opaque one."""
        return self._token("nightly", alg, lifetime, {"repository_id": "42", "actor_id": "1001"} | claims)

    def old_token(self, expired: float, **claims: Any) -> str:
        """One that it gave out 300 seconds before it expired, which was *expired* seconds ago."""
        end = int(time.time() - expired)
        times = {"iat": end - 300, "exp": end}
        who = {"iss": self.url, "aud": AUDIENCE, "sub": "nightly", "client_id": "nightly", "jti": secrets.token_hex(8)}
        key = next(key for key in self.keys if key.alg == "RS256")
        return jwt.encode({"alg": "RS256", "typ": "at+jwt", "kid": key.kid}, who | times | claims, key)

    def bound_token(self, alg: str = "RS256", **claims: Any) -> str:
        """One that is bound to a key by DPoP (RFC 9449)."""
        claim = {"htm": "POST", "htu": f"{self.url}/token", "iat": int(time.time()), "jti": secrets.token_hex(8)}
        header = {"alg": "ES256", "typ": "dpop+jwt", "jwk": self._dpop.as_dict(private=False)}
        return self._token("bound", alg, 300, claims, DPoP=jwt.encode(header, claim, self._dpop))

    def _token(self, client: str, alg: str, lifetime: int, claims: dict[str, Any], **headers: str) -> str:
        answer = httpx.post(
            f"{self.url}/token",
            data={"grant_type": "client_credentials", "scope": "invoke", "resource": f"urn:weighlock:{alg}"},
            auth=(client, "secret"),
            headers={"x-lifetime": str(lifetime), "x-claims": json.dumps(claims)} | headers,
            trust_env=False,
        )
        answer.raise_for_status()
        token: str = answer.json()["access_token"]
        return token

    def approver(self, person: str = "alice") -> str:
        """An approver's access token, with e-mail and groups; *person* is one of PEOPLE."""
        resource = {"resource": "urn:weighlock:approvals"}
        return self._proved(person, "approver-cli", "openid approve", resource)["access_token"]

    def id_token(self, person: str = "alice") -> str:
        """Somebody's ID token for the console."""
        return self._proved(person, "console", "openid email groups", {"max_age": "900"})["id_token"]

    def approve_device(self, person: str, complete: str) -> None:
        """What *person* does in a browser at the place that a device names (RFC 8628)."""
        with httpx.Client(follow_redirects=True, trust_env=False) as browser:
            page = browser.get(complete)
            while form := re.search(r'<form[^>]*action="([^"]+)"', page.text):
                fields = dict(re.findall(r'<input[^>]*name="([^"]+)"[^>]*value="([^"]*)"', page.text))
                filled = {"login": person, "password": "any"} if 'name="login"' in page.text else {}
                page = browser.post(page.url.join(form[1]), data=fields | filled)

    def _proved(self, person: str, client: str, scope: str, given: dict[str, str]) -> dict[str, str]:
        """By device flow."""
        with httpx.Client(base_url=self.url, trust_env=False) as device:
            asking = {"client_id": client} | given
            asked = device.post("/device/auth", data=asking | {"scope": scope}).json()
            self.approve_device(person, asked["verification_uri_complete"])
            code = {"grant_type": DEVICE, "device_code": asked["device_code"]}
            said: dict[str, str] = device.post("/token", data=asking | code).json()
        return said

    def revoke(self, token: str) -> None:
        """RFC 7009; only an opaque one can be revoked."""
        form = {"token": token}
        httpx.post(
            f"{self.url}/token/revocation", data=form, auth=self.introspector, trust_env=False
        ).raise_for_status()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
