from __future__ import annotations

import pytest

from weighlock import rulefile
from weighlock.destination import Credential, Destination
from weighlock.errors import ConfigError
from weighlock.policy.destinations import parse

DIALECTS = ["openai", "generic"]
GOOD = """\
destinations:
  - name: model
    host: llm.example
    dialects: [openai, generic]
"""


def read(text: str) -> dict[tuple[str, int], Destination]:
    return dict(parse(rulefile.parse(text, "d.yaml"), DIALECTS))


def test_a_destination_is_found_by_host_and_port() -> None:
    assert read(GOOD) == {
        ("llm.example", 443): Destination("model", "llm.example", 443, ("openai", "generic"), None, "authorization")
    }


def test_all_that_can_be_said_is_read() -> None:
    more = "    port: 8443\n    credential: env:LLM_KEY\n    credential_header: x-api-key\n"

    assert read(GOOD + more)["llm.example", 8443] == Destination(
        "model", "llm.example", 8443, ("openai", "generic"), Credential("env", ("LLM_KEY",)), "x-api-key"
    )


@pytest.mark.parametrize("host", ["127.0.0.1", "'::1'", "localhost", "a", "x-1.example"])
def test_a_host_is_a_name_or_an_address(host: str) -> None:
    assert list(read(GOOD.replace("llm.example", host))) == [(host.strip("'"), 443)]


@pytest.mark.parametrize(
    ("old", "new", "place", "words"),
    [
        ("llm.example", "LLM.example", "3:11", "lower case"),
        ("llm.example", "https://llm.example", "3:11", "without scheme"),
        ("llm.example", "llm.example:443", "3:11", "without scheme"),
        ("llm.example", "llm.example.", "3:11", "a host"),
        ("llm.example", "'*.example'", "3:11", "a host"),
        ("llm.example", "user@llm.example", "3:11", "a host"),
        ("llm.example", "''", "3:11", "a host"),
        ("name: model", "name: Model", "2:11", "lower-case"),
        ("    host: llm.example\n", "", "2:5", "'host' is missing"),
        ("host:", "hots:", "3:11", "did you mean 'host'"),
        ("[openai, generic]", "[]", "4:15", "at least one dialect"),
        ("[openai, generic]", "[opnai]", "4:16", "did you mean 'openai'"),
        ("[openai, generic]", "openai", "4:15", "expected a list"),
        ("[openai, generic]", "[openai]\n    port: 0", "5:11", "not between"),
        ("[openai, generic]", "[openai]\n    port: 65536", "5:11", "not between"),
        ("[openai, generic]", "[openai]\n    port: https", "5:11", "a whole number"),
        ("[openai, generic]", "[openai]\n    credential: secret", "5:17", "env:NAME"),
        ("[openai, generic]", "[openai]\n    credential: file:key", "5:17", "env:NAME"),
        ("[openai, generic]", "[openai]\n    credential: 'env:'", "5:17", "env:NAME"),
        ("[openai, generic]", "[openai]\n    credential_header: X-Key", "5:24", "lower case"),
        ("[openai, generic]", "[openai]\n    credential_header: 'a: b'", "5:24", "lower case"),
        ("[openai, generic]", "[openai]\n    dialect: x", "5:14", "did you mean 'dialects'"),
        ("destinations:", "destination:", "2:3", "did you mean 'destinations'"),
    ],
)
def test_a_broken_file_is_told_with_its_place(old: str, new: str, place: str, words: str) -> None:
    assert old in GOOD
    with pytest.raises(ConfigError) as caught:
        read(GOOD.replace(old, new, 1))

    assert caught.value.where == f"d.yaml:{place}"
    assert words in caught.value.message


def test_a_host_and_port_stand_once_and_so_does_a_name() -> None:
    second = GOOD.partition("\n")[2]
    with pytest.raises(ConfigError, match="is listed twice"):
        read(GOOD + second.replace("model", "other"))
    with pytest.raises(ConfigError, match="name of two"):
        read(GOOD + second.replace("llm.example", "other.example"))


def test_one_host_may_have_two_ports() -> None:
    second = GOOD.partition("\n")[2].replace("model", "other") + "    port: 8443\n"

    assert set(read(GOOD + second)) == {("llm.example", 443), ("llm.example", 8443)}
