from __future__ import annotations

import pytest

from weighlock import rulefile
from weighlock.errors import ConfigError
from weighlock.identity.issuers import Issuer, parse

GOOD = """\
issuers:
  - url: https://issuer.example
    jwks: https://issuer.example/keys
    audience: weighlock
"""
FULL = """\
issuers:
  - url: https://issuer.example
    jwks: file:keys.json
    audience: weighlock
    approver_audience: weighlock-approvals
    algorithms: [ES256, EdDSA]
    types: ["", at+jwt]
    max_lifetime: 15m
    groups_claim: roles
    required: [actor_id]
"""


def test_the_defaults_are_strict() -> None:
    assert parse(rulefile.parse(GOOD, "i.yaml")) == {
        "https://issuer.example": Issuer("https://issuer.example", "https://issuer.example/keys", "weighlock")
    }
    issuer = Issuer("u", "j", "a")
    assert (issuer.algorithms, issuer.types, issuer.max_lifetime, issuer.approver_audience) == (
        ("RS256",),
        ("jwt",),
        3600.0,
        "",
    )


def test_all_that_can_be_said_is_read() -> None:
    assert parse(rulefile.parse(FULL, "i.yaml"))["https://issuer.example"] == Issuer(
        url="https://issuer.example",
        jwks="file:keys.json",
        audience="weighlock",
        approver_audience="weighlock-approvals",
        algorithms=("ES256", "EdDSA"),
        types=("", "at+jwt"),
        max_lifetime=900.0,
        groups_claim="roles",
        required=("actor_id",),
    )


@pytest.mark.parametrize(
    "source",
    ["file:a/b.json", "https://keys.example/x", "http://127.0.0.1:1/k", "http://localhost/k", "http://[::1]:5/k"],
)
def test_keys_come_from_a_file_https_or_loopback(source: str) -> None:
    text = GOOD.replace("https://issuer.example/keys", source)

    assert parse(rulefile.parse(text, "i.yaml"))["https://issuer.example"].jwks == source


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("https://issuer.example/keys", "http://issuer.example/keys", "3:11", "https"),
        ("https://issuer.example/keys", "http://localhost.evil.example/", "3:11", "https"),
        ("https://issuer.example/keys", "http://127.0.0.1@evil.example/", "3:11", "https"),
        ("https://issuer.example/keys", "ftp://issuer.example/keys", "3:11", "https"),
        ("https://issuer.example/keys", "/etc/keys.json", "3:11", "https"),
        ("https://issuer.example/keys", "'file:'", "3:11", "https"),
        ("https://issuer.example/keys", "'https://'", "3:11", "https"),
        ("https://issuer.example/keys", "'https://[::1'", "3:11", "https"),
        ("url: https://issuer.example", "url: issuer.example", "2:10", "URL"),
        ("url: https://issuer.example", "url: https://issuer.example?x", "2:10", "URL"),
        ("    audience: weighlock\n", "", "2:5", "'audience' is missing"),
        ("audience: weighlock", "audience: ''", "4:15", "text"),
        ("audience: weighlock", "audience: [a, b]", "4:15", "expected text"),
        ("audience: weighlock", "audience: x\n    algorithms: [RS265]", "5:18", "did you mean 'RS256'"),
        ("audience: weighlock", "audience: x\n    algorithms: [HS256]", "5:18", "not known here"),
        ("audience: weighlock", "audience: x\n    algorithms: [none]", "5:18", "not known here"),
        ("audience: weighlock", "audience: x\n    algorithms: RS256", "5:17", "expected a list"),
        ("audience: weighlock", "audience: x\n    types: [JWT]", "5:13", "lower-case"),
        ("audience: weighlock", "audience: x\n    max_lifetime: 0m", "5:19", "duration"),
        ("audience: weighlock", "audience: x\n    max_lifetime: 900", "5:19", "duration"),
        ("audience: weighlock", "audience: x\n    approver_audience: x", "2:5", "must not approve"),
        ("audience: weighlock", "audience: x\n    aprover_audience: y", "5:23", "did you mean 'approver_audience'"),
        ("issuers:", "issuer:", "2:3", "did you mean 'issuers'"),
    ],
)
def test_a_broken_file_is_told_with_its_place(old: str, new: str, place: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        parse(rulefile.parse(GOOD.replace(old, new, 1), "i.yaml"))

    assert caught.value.where == f"i.yaml:{place}"
    assert words in caught.value.message


def test_an_issuer_stands_once() -> None:
    with pytest.raises(ConfigError, match="twice"):
        parse(rulefile.parse(GOOD + GOOD.partition("\n")[2], "i.yaml"))
