"""Odd credentials at the edge of what a client or an issuer can send: each a refusal, never an exception or a leak."""

from __future__ import annotations

import base64
from dataclasses import asdict

import pytest
import rfc8785

from weighlock import rulefile
from weighlock.errors import ConfigError, Unidentified
from weighlock.identity import carriers, issuers
from weighlock.identity.carriers import PLACEHOLDER
from weighlock.identity.statickeys import StaticKeyPresented, describe, fingerprint
from weighlock.model import Headers, Token

JWT = "aGVhZA.Ym9keQ.c2ln"
KEY = "sk-" + "a" * 24
SECRET = b"k" * 32


def find(headers: Headers, tunnel: str | None) -> Token:
    """Where nobody's tokens are opaque."""
    return carriers.find(headers, tunnel, lambda _: False)


def basic(user: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


def test_a_field_that_is_no_ascii_is_malformed() -> None:
    for value in ("Basic \udcff", "Basic é"):
        with pytest.raises(Unidentified, match="carrier-malformed"):
            find((("authorization", value),), None)


@pytest.mark.parametrize("password", [JWT, "", PLACEHOLDER])
def test_a_key_as_the_user_name_is_told(password: str) -> None:
    with pytest.raises(StaticKeyPresented):
        find((("x-api-key", JWT),), basic(KEY, password))


def test_a_token_may_be_the_user_name() -> None:
    assert find((), basic(JWT, "")).value == JWT
    with pytest.raises(Unidentified, match="carriers-disagree"):
        find((), basic(JWT, JWT + "x"))


def test_the_placeholder_needs_no_scheme() -> None:
    assert find((("authorization", PLACEHOLDER), ("x-api-key", JWT)), None).value == JWT


@pytest.mark.parametrize("value", ["session=planted; b=c", "sk-ant-plantedplanted x", "planted " + "y" * 30])
def test_a_description_keeps_no_word_that_could_be_a_secret(value: str) -> None:
    assert "planted" not in describe(value, SECRET)


@pytest.mark.parametrize("end", ["\udcff", "\x00\x01", "é"])
def test_a_fingerprint_can_always_be_recorded(end: str) -> None:
    shown = fingerprint("a" * 30 + end, SECRET)
    assert shown.last4 == ""
    assert rfc8785.dumps(asdict(shown))


def test_a_key_of_nobodys_shape_is_not_said_to_be_somebodys() -> None:
    assert "unknown" not in StaticKeyPresented("zzz").reason


def test_an_issuer_without_algorithms_is_an_error() -> None:
    text = "issuers:\n  - {url: 'https://i', jwks: 'https://i/k', audience: a, algorithms: []}\n"
    with pytest.raises(ConfigError, match="at least one"):
        issuers.parse(rulefile.parse(text, "i.yaml"))
