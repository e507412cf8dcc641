from __future__ import annotations

import pytest

from weighlock import rulefile
from weighlock.errors import ConfigError, Unidentified
from weighlock.identity.issuers import Endpoint, Issuer, opaque, parse, secure

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


INTROSPECTED = """\
issuers:
  - url: https://issuer.example
    audience: weighlock
    ca: /etc/ssl/issuer.pem
    introspection:
      {url: 'https://issuer.example/introspect', client: gateway, secret: 'env:SECRET', shape: 'tok_[a-z]{20}'}
  - {url: 'https://other.example', audience: weighlock, jwks: discover}
"""
ENDPOINT = Endpoint("https://issuer.example/introspect", "gateway", "env:SECRET", "tok_[a-z]{20}")


def test_an_issuer_of_opaque_tokens_needs_no_keys() -> None:
    issuer = parse(rulefile.parse(INTROSPECTED, "i.yaml"))["https://issuer.example"]
    assert (issuer.jwks, issuer.ca, issuer.introspection) == ("", "/etc/ssl/issuer.pem", ENDPOINT)


@pytest.mark.parametrize(
    ("old", "new", "words"),
    [
        ("https://issuer.example/introspect", "http://issuer.example/introspect", "https"),
        ("https://issuer.example/introspect", "file:/x", "https"),
        ("env:SECRET", "env:", "env:NAME or file:/PATH"),
        ("env:SECRET", "file:relative", "env:NAME or file:/PATH"),
        ("env:SECRET", "hunter2", "env:NAME or file:/PATH"),
        ("tok_[a-z]{20}", "tok_(", "RE2"),
        ("tok_[a-z]{20}", "(?=x)y", "RE2"),
        (", shape: 'tok_[a-z]{20}'", "", "'shape' is missing"),
        ("client: gateway", "client: ''", "text"),
        ("ca: /etc/ssl/issuer.pem", "ca: issuer.pem", "PEM"),
        (
            "jwks: discover}",
            f"introspection: {{url: 'https://o/i', client: g, secret: 'env:S', shape: '{ENDPOINT.shape}'}}}}",
            "same shape",
        ),
    ],
)
def test_an_endpoint_that_cannot_be_used_is_told(old: str, new: str, words: str) -> None:
    assert old in INTROSPECTED
    with pytest.raises(ConfigError, match=words):
        parse(rulefile.parse(INTROSPECTED.replace(old, new, 1), "i.yaml"))


def opaque_issuers(*shapes: str) -> dict[str, Issuer]:
    made = {f"https://{n}.example": Endpoint("https://e", "c", "env:S", shape) for n, shape in enumerate(shapes)}
    return {url: Issuer(url, "", "weighlock", introspection=endpoint) for url, endpoint in made.items()} | {
        "https://jwt": Issuer("https://jwt", "discover", "weighlock")
    }


@pytest.mark.parametrize(
    ("token", "whose"),
    [
        ("tok_" + "a" * 20, "https://0.example"),
        ("tok_" + "a" * 21, None),
        ("xtok_" + "a" * 20, None),
        ("tok_" + "a" * 20 + "\n", None),
        ("A" * 43, "https://1.example"),
        ("sk-" + "A" * 40, None),
        ("sk-ant-" + "A" * 36, None),
        ("ghp_" + "A" * 39, None),
        ("AIza" + "A" * 39, None),
        ("a.b.c" * 9, "https://1.example"),
        ("eyJh.eyJp." + "A" * 33, None),
        ("A" * 15, None),
        ("", None),
        ("Ä" * 43, None),
        ("A" * 21 + " " + "A" * 21, None),
    ],
)
def test_an_opaque_token_is_told_by_its_shape_and_a_static_key_is_shown_to_nobody(
    token: str, whose: str | None
) -> None:
    found = opaque(opaque_issuers("tok_[a-z]{20}", "(?s)[^tx].*"), token)
    assert (found.url if found else None) == whose


def test_a_token_that_could_be_that_of_two_issuers_is_shown_to_neither() -> None:
    both = opaque_issuers("[a-z_]{24}", "tok_.*")
    with pytest.raises(Unidentified, match="issuer-ambiguous"):
        opaque(both, "tok_" + "a" * 20)
    assert opaque(both, "a" * 24) == both["https://0.example"]


@pytest.mark.parametrize(
    ("url", "safe"),
    [
        ("https://a.example", True),
        ("http://127.0.0.1:8", True),
        ("http://[::1]:8/x", True),
        ("http://localhost", True),
        ("http://a.example", False),
        ("http://127.0.0.1.evil.example", False),
        ("http://127.0.0.1@evil.example", False),
        ("https://", False),
        ("https://[::1", False),
        ("file:///etc/passwd", False),
        ("", False),
    ],
)
def test_what_is_believed_is_asked_for_over_tls(url: str, safe: bool) -> None:
    assert secure(url) is safe
