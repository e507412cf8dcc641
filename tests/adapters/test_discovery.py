"""Where an issuer's keys are, by its own metadata."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from jwts import an_issuer, key_pair
from sites import Site, an_authority, serving, write
from weighlock.adapters.fetch import Unreachable
from weighlock.adapters.jwks import Jwks, load_source
from weighlock.errors import Unavailable
from weighlock.identity.issuers import Issuer

KEYS = {"keys": [key_pair("EdDSA", "one").jwk()]}
METADATA = "/.well-known/openid-configuration"


@pytest.fixture
async def site() -> AsyncIterator[Site]:
    async for made in serving():
        made.answers["/keys"] = KEYS
        yield made


def a_discovered(site: Site, path: str = "", **given: Any) -> Issuer:
    return an_issuer(**{"url": site.url + path, "jwks": "discover"} | given)


@pytest.mark.parametrize("path", ["", "/", "/realms/ci", "/realms/ci/"])
async def test_metadata_says_where_the_keys_are(site: Site, path: str) -> None:
    issuer = a_discovered(site, path)
    site.answers[path.rstrip("/") + METADATA] = {"issuer": issuer.url, "jwks_uri": f"{site.url}/keys"}

    assert await load_source(issuer, Path()) == KEYS
    key = await Jwks(Path(), lambda: 0.0).key(issuer, "one", "EdDSA")
    assert key.verify(b"data", key_pair("EdDSA", "one").sign(b"data"))


@pytest.mark.parametrize("path", ["", "/", "/tenant", "/tenant/"])
async def test_a_transmitters_metadata_says_where_its_keys_are(site: Site, path: str) -> None:
    transmitter = a_discovered(site, path, jwks="discover-ssf")
    said = {"issuer": transmitter.url, "jwks_uri": f"{site.url}/keys"}
    site.answers["/.well-known/ssf-configuration" + path.rstrip("/")] = said
    assert await load_source(transmitter, Path()) == KEYS

    said["issuer"] = "https://other.example"
    with pytest.raises(Unreachable, match="another issuer"):
        await load_source(transmitter, Path())


@pytest.mark.parametrize(
    "said",
    [
        {"issuer": "{url}/"},
        {"issuer": "{url}", "jwks_uri": "{url}x"},
        {"issuer": "https://other.example", "jwks_uri": "{url}/keys"},
        {"issuer": ["{url}"], "jwks_uri": "{url}/keys"},
        {"jwks_uri": "{url}/keys"},
        {"issuer": "{url}"},
        {"issuer": "{url}", "jwks_uri": None},
        {"issuer": "{url}", "jwks_uri": "/keys"},
        {"issuer": "{url}", "jwks_uri": "file:///etc/passwd"},
        {"issuer": "{url}", "jwks_uri": "http://192.0.2.1/keys"},
        {"issuer": "{url}", "jwks_uri": "https://[::1"},
        ["{url}"],
        "{url}",
        None,
    ],
)
async def test_metadata_that_is_not_the_issuer_s_own_or_not_safe_is_not_followed(site: Site, said: Any) -> None:
    site.answers[METADATA] = write(200, json.dumps(said).replace("{url}", site.url).encode())

    with pytest.raises(Unreachable):
        await load_source(a_discovered(site), Path())
    assert "/keys" not in site.asked
    with pytest.raises(Unavailable, match="issuer-unreachable"):
        await Jwks(Path(), lambda: 0.0).key(a_discovered(site), "one", "EdDSA")


async def test_an_issuer_on_https_has_no_keys_on_http(tmp_path: Path) -> None:
    file, context = an_authority(tmp_path, "one")
    async for plain in serving():
        async for site in serving(context):
            plain.answers["/keys"] = site.answers["/keys"] = KEYS
            issuer = a_discovered(site, ca=str(file))
            for keys, good in ((f"{plain.url}/keys", False), (f"{site.url}/keys", True)):
                site.answers[METADATA] = {"issuer": issuer.url, "jwks_uri": keys}
                if good:
                    assert await load_source(issuer, Path()) == KEYS
                else:
                    with pytest.raises(Unreachable):
                        await load_source(issuer, Path())
            assert plain.asked == []
