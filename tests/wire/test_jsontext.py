from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.errors import Malformed
from weighlock.wire.jsontext import parse, tokens
from weighlock.wire.strictjson import MAX_DEPTH

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | st.text(),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=20,
)


@given(JSON)
def test_what_is_read_and_written_says_the_same(value: Any) -> None:
    try:
        data = json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        return
    written = parse(data).dumps()

    assert json.loads(written) == value
    assert parse(written).dumps() == written


@pytest.mark.parametrize("spelled", ["1.10", "1e5", "-0", "12345678901234567890123", "1E+2", "0.1000"])
def test_numbers_keep_their_spelling(spelled: str) -> None:
    assert parse(f'{{"n":{spelled}}}'.encode()).dumps() == f'{{"n":{spelled}}}'.encode()


def test_every_string_number_and_name_is_a_leaf_with_its_place() -> None:
    leaves = parse(b'{"a/b": ["x", {"~": 1.5}], "e": true, "n": null}').leaves()

    assert [(leaf.pointer, leaf.value, leaf.kind) for leaf in leaves] == [
        ("key:/a~1b", "a/b", "key"),
        ("/a~1b/0", "x", "string"),
        ("key:/a~1b/1/~0", "~", "key"),
        ("/a~1b/1/~0", "1.5", "number"),
        ("key:/e", "e", "key"),
        ("key:/n", "n", "key"),
    ]


def test_leaves_are_rewritten_by_place_and_the_rest_stays() -> None:
    document = parse(b'{"a/b":["x",{"~":1.50}],"a":"x"}')

    masked = document.rewrite({"/a~1b/0": "<X>", "/a~1b/1/~0": "<N>"})

    assert masked.dumps() == b'{"a/b":["<X>",{"~":"<N>"}],"a":"x"}'
    assert document.get("/a~1b/0") == "x"
    assert document.get("/a~1b/7") is None
    with pytest.raises(KeyError):
        document.rewrite({"/nowhere": "x"})


def test_a_name_that_looks_like_a_place_is_not_taken_for_one() -> None:
    assert {leaf.pointer for leaf in parse(b'{"a":1,"a#":2}').leaves()} == {"key:/a", "/a", "key:/a#", "/a#"}


DEEP = b"[" * 10_000 + b"]" * 10_000


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (b"", "json-malformed"),
        (b"{", "json-malformed"),
        (b"{} {}", "json-malformed"),
        (b"{'a': 1}", "json-malformed"),
        (b'{"a": 01}', "json-malformed"),
        (b'{"a": "\n"}', "json-malformed"),
        (b'{"a": 1, "a": 2}', "json-duplicate-member"),
        (b'{"a": 1, "\\u0061": 2}', "json-duplicate-member"),
        (b'{"a": NaN}', "json-number"),
        (b'{"a": -Infinity}', "json-number"),
        (b'{"a": "\\ud800"}', "json-surrogate"),
        (b'{"\\udfff": 1}', "json-surrogate"),
        (b'{"a": "\xff"}', "charset"),
        ('{"a": "x"}'.encode("utf-16"), "charset"),
        (b"\xef\xbb\xbf{}", "charset"),
        (DEEP, "json-depth"),
        (b'{"a":' * 10_000 + b"1" + b"}" * 10_000, "json-depth"),
        (b"[" + b"1," * 500_000 + b"1]", "json-size"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_what_can_be_read_in_two_ways_is_refused(data: bytes, code: str) -> None:
    with pytest.raises(Malformed) as refused:
        parse(data)

    assert refused.value.code == code


def test_brackets_in_strings_are_not_depth() -> None:
    text = "[" * (MAX_DEPTH + 10) + '\\"' + "{" * 100

    assert parse(json.dumps({"a": text}).encode()).get("/a") == text


def test_an_emoji_by_escapes_is_itself() -> None:
    assert parse(b'"\\ud83d\\ude00"').value == "\U0001f600"


@given(st.lists(JSON) | st.dictionaries(st.text(max_size=4), JSON), st.booleans(), st.sampled_from([None, 2]))
def test_every_leaf_of_json_in_a_string_has_its_place(value: object, ascii_only: bool, indent: int | None) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only, indent=indent)
    try:
        leaves = parse(text.encode()).leaves()
    except Malformed:
        leaves = None
    found = tokens(text)

    assert (None if found is None else [token.leaf for token in found]) == leaves
    for token in found or ():
        (own,) = parse(text[token.start : token.end].encode()).leaves()
        assert own.value == token.leaf.value


@pytest.mark.parametrize(
    "text", ["", "x", "12", '"x"', "{", '{"a":1', '{"a":1}}', '{"a":1,"a":2}', "[1] x", '["\\ud800"]']
)
def test_what_is_no_json_object_or_list_has_no_leaves(text: str) -> None:
    assert tokens(text) is None


def test_json_in_a_string_is_rewritten_in_its_own_spelling() -> None:
    arguments = '{ "to" : "Ann",\n"n": [12.50, "B\\u00e9"] , "x/y~": "z" }'
    document = parse(json.dumps({"arguments": arguments, "a": "b"}).encode())

    changed = document.rewrite(
        {"/arguments~>/to": 'Q"', "/arguments~>/n/0": "<N>", "/arguments~>/x~1y~0": "", "/a": "c"}
    )

    assert changed.get("/arguments") == '{ "to" : "Q\\"",\n"n": ["<N>", "B\\u00e9"] , "x/y~": "" }'
    assert changed.get("/a") == "c"
    with pytest.raises(KeyError):
        document.rewrite({"/arguments~>/none": "x"})
    with pytest.raises(KeyError):
        document.rewrite({"/a~>/none": "x"})


def test_items_are_left_out_and_members_become_null() -> None:
    document = parse(b'{"a":[{"t":1},{"t":2},{"t":3}],"b":{"c":"d"},"e":"f"}')

    assert document.without(["/a/0", "/a/2", "/b", "/none"]).dumps() == b'{"a":[{"t":2}],"b":null,"e":"f"}'
    assert document.without([]) is document


@pytest.mark.parametrize("end", ["\x0b", "\x1c", "\x85", "\u2028", "\u2029"])
def test_what_is_written_is_one_line_to_every_reader_of_lines(end: str) -> None:
    """httpx, by which the clients of Ollama and Gemini read a stream, goes by str.splitlines."""
    said = {f"a{end}b": f"c{end}d"}

    written = parse(json.dumps(said).encode()).dumps()

    assert len(written.decode().splitlines()) == 1
    assert json.loads(written) == said


@pytest.mark.parametrize(
    ("spelled", "digits"),
    [
        ("4111111111111111.0", "4111111111111111"),
        ("-4111111111111111.000", "-4111111111111111"),
        ("4.111111111111111E15", "4111111111111111"),
        ("41111111111111110e-1", "4111111111111111"),
        ("4111.5", "4111.5"),
        ("4.1115E2", "4.1115E2"),
        ("1e999999999", "1e999999999"),
        ("0.25", "0.25"),
    ],
)
def test_a_whole_number_is_read_by_its_digits_and_written_as_it_was(spelled: str, digits: str) -> None:
    """pandas makes 4111.0 of an account beside an empty field, and Java 4.111E15 of a long one."""
    data = f'{{"n":{spelled}}}'

    document = parse(data.encode())

    assert document.leaves()[1].value == digits
    assert [token.leaf.value for token in tokens(data) or ()][1] == digits
    assert document.dumps() == data.encode()
