from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

import pytest

from jwts import an_issuer
from weighlock import rulefile
from weighlock.errors import ConfigError
from weighlock.identity.presets import DISCOVER_SSF
from weighlock.identity.transmitters import Poll, Transmitter, parse

GOOD = """\
transmitters:
  - issuer: https://idp.example.com/
    jwks: https://idp.example.com/jwks
    audience: https://egress.example.com/events
    algorithms: [RS256, ES256]
    push: {token: 'env:SSF_PUSH'}
    poll: {url: 'https://idp.example.com/poll', token: 'file:/run/poll-token'}
    ca: /etc/ca.pem
"""
SHIPPED = Path(__file__).parents[2] / "rules" / "identity" / "transmitters.yaml"


def parsed(text: str) -> Mapping[str, Transmitter]:
    issuer = an_issuer(audience="weighlock", approver_audience="weighlock-approvals")
    return parse(rulefile.parse(text, "t.yaml"), {issuer.url: issuer})


def test_a_transmitter_is_read_whole() -> None:
    (transmitter,) = parsed(GOOD).values()

    assert transmitter.url == transmitter.signer.url == "https://idp.example.com/"
    assert transmitter.signer.audience == "https://egress.example.com/events"
    assert transmitter.signer.types == ("secevent+jwt",)
    assert transmitter.signer.algorithms == ("RS256", "ES256")
    assert transmitter.push == "env:SSF_PUSH"
    assert transmitter.poll == Poll("https://idp.example.com/poll", "file:/run/poll-token")
    assert transmitter.signer.ca == "/etc/ca.pem"


def test_keys_may_be_discovered_where_a_transmitters_metadata_is() -> None:
    (transmitter,) = parsed(GOOD.replace("https://idp.example.com/jwks", "discover")).values()
    assert transmitter.signer.jwks == DISCOVER_SSF

    with pytest.raises(ConfigError, match="keys come from"):
        parsed(GOOD.replace("https://idp.example.com/jwks", "discover").replace("r: https://idp", "r: http://idp"))


def test_what_is_left_out_is_not_there() -> None:
    (transmitter,) = parsed(
        "transmitters:\n  - {issuer: 'https://idp.example.com', jwks: 'file:k.json', audience: us, "
        "push: {token: 'env:T'}}\n"
    ).values()

    assert transmitter.signer.algorithms == ("RS256",)
    assert (transmitter.poll, transmitter.signer.ca) == (None, "")


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("audience: https://egress.example.com/events", "audience: weighlock", "audience of tokens"),
        ("audience: https://egress.example.com/events", "audience: weighlock-approvals", "audience of tokens"),
        ("    audience: https://egress.example.com/events\n", "", "'audience' is missing"),
        ("[RS256, ES256]", "[]", "at least one algorithm"),
        ("[RS256, ES256]", "[HS256]", "not known"),
        ("[RS256, ES256]", "[none]", "not known"),
        ("https://idp.example.com/jwks", "http://idp.example.com/jwks", "keys come from"),
        ("https://idp.example.com/jwks", "'file:'", "keys come from"),
        ("https://idp.example.com/poll", "http://idp.example.com/poll", "https URL"),
        ("https://idp.example.com/poll", "file:/poll", "https URL"),
        ("https://idp.example.com/poll", "https://[", "https URL"),
        ("env:SSF_PUSH", "a-token-in-the-clear", "env:NAME or file:/PATH"),
        ("file:/run/poll-token", "file:poll-token", "env:NAME or file:/PATH"),
        (", token: 'file:/run/poll-token'", "", "'token' is missing"),
        (
            "    push: {token: 'env:SSF_PUSH'}\n    poll: {url: 'https://idp.example.com/poll', ",
            "    pull: {",
            "unknown",
        ),
        ("/etc/ca.pem", "ca.pem", "the path of a PEM file"),
        ("https://idp.example.com/\n", "idp.example.com\n", "an issuer's URL"),
    ],
)
def test_a_mistake_is_an_error_with_its_place(old: str, new: str, complaint: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError, match=complaint) as caught:
        parsed(GOOD.replace(old, new))

    assert caught.value.where.startswith("t.yaml:")


def test_one_that_is_neither_heard_nor_asked_is_an_error() -> None:
    with pytest.raises(ConfigError, match="never be heard"):
        parsed("transmitters:\n  - {issuer: 'https://idp.example.com', jwks: 'file:k.json', audience: us}\n")


def test_one_that_is_listed_twice_is_an_error() -> None:
    with pytest.raises(ConfigError, match="twice"):
        parsed(GOOD + GOOD.removeprefix("transmitters:\n"))


def test_none_is_shipped_and_the_commented_one_is_good_as_it_stands() -> None:
    text = SHIPPED.read_text("utf-8")
    assert parsed(text) == {}

    (transmitter,) = parsed(text.replace(" []", "").replace("# - ", "  - ").replace("#   ", "    ")).values()
    assert transmitter.push
    assert transmitter.poll
