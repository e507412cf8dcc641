from __future__ import annotations

import base64

import pytest

from weighlock.errors import Unidentified
from weighlock.identity import carriers
from weighlock.identity.carriers import CREDENTIALS, PLACEHOLDER
from weighlock.identity.statickeys import StaticKeyPresented
from weighlock.model import Headers, Token

JWT = "aGVhZA.Ym9keQ.c2ln"
OTHER = "aGVhZA.Ym9keQ.b3RoZXI"
KEY = "sk-" + "a" * 24


def find(headers: Headers, tunnel: str | None) -> Token:
    """Where nobody's tokens are opaque."""
    return carriers.find(headers, tunnel, lambda _: False)


def basic(password: str, user: str = "oidc") -> str:
    return "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("Proxy-Authorization", basic(JWT)),
        ("proxy-authorization", basic(JWT, "")),
        ("Proxy-Authorization", f"Bearer {JWT}"),
        ("Authorization", f"bearer  {JWT} "),
        ("Authorization", JWT),
        ("X-Api-Key", JWT),
        ("api-key", JWT),
        ("x-goog-api-key", f" {JWT}"),
        ("X-Weighlock-Token", JWT),
    ],
)
def test_each_carrier_carries_a_token(name: str, value: str) -> None:
    assert find(((name, value),), None) == Token(name.lower(), JWT)


def test_the_tunnel_carries_one_too() -> None:
    assert find((), basic(JWT)) == Token("proxy-authorization", JWT)


def test_one_token_in_many_carriers_is_one_token() -> None:
    headers = (("authorization", f"Bearer {JWT}"), ("x-api-key", JWT), ("proxy-authorization", basic(JWT)))

    assert find(headers, f"Bearer {JWT}").value == JWT


@pytest.mark.parametrize(
    ("headers", "tunnel"),
    [
        ((("authorization", f"Bearer {JWT}"), ("x-api-key", OTHER)), None),
        ((("authorization", f"Bearer {JWT}"),), basic(OTHER)),
        ((("authorization", f"Bearer {JWT}"), ("Authorization", f"Bearer {OTHER}")), None),
        ((("x-api-key", JWT), ("x-api-key", OTHER)), None),
        ((("proxy-authorization", basic(JWT)),), basic(OTHER)),
    ],
)
def test_two_tokens_are_none(headers: Headers, tunnel: str | None) -> None:
    with pytest.raises(Unidentified) as caught:
        find(headers, tunnel)

    assert caught.value.code == "carriers-disagree"
    assert JWT not in str(caught.value)


@pytest.mark.parametrize(
    "headers",
    [
        (),
        (("accept", JWT),),
        (("authorization", ""),),
        (("authorization", "Bearer"),),
        (("authorization", f"Bearer {PLACEHOLDER}"), ("x-api-key", PLACEHOLDER)),
        (("proxy-authorization", basic(PLACEHOLDER)),),
        (("proxy-authorization", basic("")),),
        (("x-api-key", "  "),),
    ],
)
def test_nothing_and_the_placeholder_are_no_token(headers: Headers) -> None:
    with pytest.raises(Unidentified) as caught:
        find(headers, None)

    assert caught.value.code == "token-missing"
    assert "HTTPS_PROXY" in caught.value.next_step


def test_the_placeholder_stands_beside_a_token() -> None:
    assert find((("authorization", f"Bearer {PLACEHOLDER}"),), basic(JWT)) == Token("proxy-authorization", JWT)


@pytest.mark.parametrize(
    "headers",
    [
        (("authorization", f"Bearer {KEY}"),),
        (("authorization", KEY),),
        (("x-api-key", KEY),),
        (("api-key", KEY), ("authorization", f"Bearer {JWT}")),
        (("x-goog-api-key", KEY), ("proxy-authorization", basic(JWT))),
        (("proxy-authorization", basic(KEY)), ("x-weighlock-token", JWT)),
    ],
)
def test_a_static_key_is_told_in_any_carrier_even_beside_a_good_token(headers: Headers) -> None:
    with pytest.raises(StaticKeyPresented) as caught:
        find(headers, None)

    assert (caught.value.code, caught.value.value) == ("static-key", KEY)
    assert KEY not in str(caught.value)


def test_a_static_key_beside_a_token_in_the_same_carrier_is_told_as_well() -> None:
    with pytest.raises(StaticKeyPresented) as caught:
        find((("x-api-key", KEY), ("x-api-key", JWT)), None)

    assert caught.value.value == KEY


@pytest.mark.parametrize(
    "value",
    [f"Digest {JWT}", "Basic !!!", "Basic " + base64.b64encode(b"a:\xff").decode(), f"Basic {JWT} x", "Negotiate a b"],
)
def test_a_broken_field_is_refused_and_not_passed_over(value: str) -> None:
    for headers in ((("authorization", value),), (("authorization", value), ("x-api-key", JWT))):
        with pytest.raises(Unidentified) as caught:
            find(headers, None)
        assert caught.value.code == "carrier-malformed"


def test_every_field_that_carries_is_known_as_a_credential() -> None:
    carried = []
    for name in sorted(CREDENTIALS):
        try:
            carried.append(find(((name, f"Bearer {JWT}" if "authorization" in name else JWT),), None).carrier)
        except Unidentified:
            assert name == "cookie"

    assert set(carried) == CREDENTIALS - {"cookie"}
