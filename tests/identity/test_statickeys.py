from __future__ import annotations

import secrets
import string

import pytest

from weighlock.identity.statickeys import StaticKeyPresented, describe, fingerprint, told, vendor, withheld

KEY, OTHER = b"k" * 32, b"o" * 32


def made(prefix: str, length: int, alphabet: str = string.ascii_letters + string.digits) -> str:
    return prefix + "".join(secrets.choice(alphabet) for _ in range(length))


@pytest.mark.parametrize(
    ("prefix", "length", "name"),
    [
        ("sk-ant-" + "api03-", 40, "anthropic"),
        ("sk-or-" + "v1-", 40, "openrouter"),
        ("sk-", 40, "openai"),
        ("sk-" + "proj-", 40, "openai"),
        ("AI" + "za", 35, "google"),
        ("gs" + "k_", 40, "groq"),
        ("h" + "f_", 34, "huggingface"),
        ("xa" + "i-", 40, "xai"),
        ("r8" + "_", 30, "replicate"),
        ("gh" + "p_", 36, "github"),
        ("github" + "_pat_", 60, "github"),
        ("gl" + "pat-", 20, "gitlab"),
        ("xox" + "b-", 30, "slack"),
        ("no-such-vendor-", 30, "unknown"),
        ("", 0, "unknown"),
    ],
)
def test_a_key_is_told_by_its_shape(prefix: str, length: int, name: str) -> None:
    assert vendor(made(prefix, length)) == name


def test_keys_of_fixed_shape_are_told_too() -> None:
    assert vendor(made("AK" + "IA", 16, string.ascii_uppercase + string.digits)) == "aws"
    assert vendor(secrets.token_hex(16)) == "azure"


def test_a_fingerprint_is_the_same_for_one_key_and_one_gateway_only() -> None:
    value = made("sk-", 40)
    one = fingerprint(value, KEY)

    assert one == fingerprint(value, KEY)
    assert one.digest != fingerprint(value, OTHER).digest
    assert one.digest != fingerprint(made("sk-", 40), KEY).digest
    assert (one.vendor, one.last4, len(one.digest)) == ("openai", value[-4:], 16)


def test_a_short_value_shows_none_of_its_characters() -> None:
    value = made("sk-", 10)

    assert fingerprint(value, KEY).last4 == ""
    assert str(fingerprint(value, KEY)) == f"openai {fingerprint(value, KEY).digest}"


def test_bytes_that_are_no_text_have_a_fingerprint() -> None:
    assert len(fingerprint("\udcff\udc80", KEY).digest) == 16


@pytest.mark.parametrize("scheme", ["", "Bearer ", "Basic "])
def test_a_description_keeps_the_scheme_and_never_the_value(scheme: str) -> None:
    value = made("sk-", 40)
    text = describe(scheme + value, KEY)

    assert text == f"{scheme}[openai {fingerprint(value, KEY).digest} ...{value[-4:]}]"
    assert value[:-4] not in text


def test_a_refusal_names_the_vendor_and_never_the_key() -> None:
    value = made("sk-ant-", 40)
    refused = StaticKeyPresented(value)

    assert (refused.status, refused.code) == (401, "static-key")
    assert "anthropic" in refused.reason
    assert value not in f"{refused} {refused.reason} {refused.next_step} {refused.args}"


@pytest.mark.parametrize(
    ("place", "said"),
    [
        ("x-api-key", "; it came in the x-api-key field."),
        ("query", "; it came in the query."),
        ("header", "; it came in a header field."),
        ("", "never passes here."),
    ],
)
def test_a_refusal_says_where_the_key_was(place: str, said: str) -> None:
    refused = StaticKeyPresented(made("sk-ant-", 40), place)

    assert refused.reason.endswith(said)
    assert refused.found.place == place


def test_keys_are_told_at_the_beginning_of_a_word_only() -> None:
    key = made("sk-", 40)

    assert told(f'"{key}", Bearer {key}; x={key}&y') == [key]
    assert told(f"task-{key} a.{key} ri{key}") == []


def test_a_key_has_one_fingerprint_however_it_is_written_down() -> None:
    key = made("ABSK", 90)
    digest = fingerprint(key, KEY).digest

    assert digest in describe(f"Bearer {key}==", KEY)
    assert digest in withheld(f"the key {key}== is bad", KEY)
    assert told(f"{key}==") == [key]
