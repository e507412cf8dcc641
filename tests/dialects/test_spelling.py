"""Token probabilities: what spells something masked is left out, in a reply as in a stream of it."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.dialects.openai import DIALECT
from weighlock.dialects.openai_chat_stream import ChatStream
from weighlock.masking.apply import Rewrite, apply
from weighlock.masking.stream import StreamMasker, touched
from weighlock.model import Text
from weighlock.wire.sse import Sse

SECRET = "Zoë Quill"


def entry(token: str, **given: Any) -> dict[str, Any]:
    return {"token": token, "logprob": -0.5, "bytes": list(token.encode()), "top_logprobs": []} | given


def a_reply(content: str, entries: Any) -> dict[str, Any]:
    said = {"index": 0, "finish_reason": "stop", "logprobs": {"content": entries}}
    return {"choices": [said | {"message": {"role": "assistant", "content": content}}]}


def found(text: Text) -> list[Rewrite]:
    at = text.value.find(SECRET)
    return [Rewrite(at, at + len(SECRET), "[PERSON]")] if at >= 0 else []


def masked(reply: Any, operation: str = "chat.completions") -> Any:
    said = DIALECT.named(operation).read_reply(json.dumps(reply).encode())
    rewrites = {text.pointer: found(text) for text in said.texts if found(text)}
    values = {text.pointer: text.value for text in said.texts}
    dropped = set(said.dropped)
    for pointer, changes in rewrites.items():
        dropped |= touched(said.spelled.get(pointer, ()), changes)
    assert said.body
    texts = {pointer: apply(values[pointer], changes) for pointer, changes in rewrites.items()}
    return json.loads(said.body.rewrite(texts).without(dropped).dumps())


def spelled(reply: Any) -> Any:
    return reply["choices"][0]["logprobs"]["content"]


def tokens(entries: Any) -> list[str]:
    return [one["token"] for one in entries]


def masked_stream(*deltas: tuple[str, Any]) -> list[Any]:
    masker = StreamMasker(Sse(), ChatStream(), 1 << 20)
    frames = [{"choices": [{"index": 0, "delta": {"content": c}, "logprobs": {"content": e}}]} for c, e in deltas]
    data = "".join(f"data: {json.dumps(frame)}\n\n" for frame in frames) + "data: [DONE]\n\n"
    out = []
    for texts in (masker.feed(data.encode()), masker.finish()):
        out += masker.release({text.pointer: found(text) for text in texts if found(text)})
    return [json.loads(frame[6:]) for frame in out if frame.startswith(b"data: {")]


def test_entries_that_spell_what_is_masked_are_left_out_and_the_others_stay() -> None:
    parts = ["I am Zo", "ë", " Qui", "ll", ", and", " glad."]
    clean = a_reply("I am here.", [entry("I am"), entry(" here.")])

    assert masked(clean) == clean
    out = masked(a_reply("".join(parts), [entry(part) for part in parts]))
    assert out["choices"][0]["message"]["content"] == "I am [PERSON], and glad."
    assert tokens(spelled(out)) == [", and", " glad."]


def test_a_stream_leaves_out_what_the_whole_leaves_out() -> None:
    parts = ["I am ", "Zo", "ë", " Qui", "ll", ", and", " glad."]
    whole = masked(a_reply("".join(parts), [entry(part) for part in parts]))
    for size in range(1, len(parts) + 1):
        groups = [parts[at : at + size] for at in range(0, len(parts), size)]
        out = masked_stream(*(("".join(group), [entry(part) for part in group]) for group in groups))

        assert "".join(frame["choices"][0]["delta"]["content"] for frame in out) == "I am [PERSON], and glad."
        assert [one for frame in out for one in spelled(frame)] == spelled(whole)


@pytest.mark.parametrize(
    "entries",
    [
        [entry("I am"), entry(" there.")],
        [entry("I am here")],
        [entry("I am here."), entry("x")],
        [{"token": "I am here.", "bytes": [300]}],
        [{"token": "I am here.", "bytes": ["x"]}],
        [{"token": "other", "bytes": list(b"I am here.")}],
        [{"token": 7}],
        ["I am here."],
        "I am here.",
        {"a": "b"},
    ],
    ids=str,
)
def test_what_does_not_spell_the_text_exactly_is_dropped(entries: Any) -> None:
    out = masked(a_reply("I am here.", entries))

    assert out["choices"][0]["logprobs"] == {"content": None}
    assert out["choices"][0]["message"]["content"] == "I am here."


def test_a_character_in_two_tokens_belongs_to_both() -> None:
    parts = [b"by Zo\xc3", b"\xab Quill", b" \xe2\x82", b"\xac"]
    entries = [{"token": f"bytes:{part!r}", "bytes": list(part), "logprob": -1} for part in parts]
    out = masked(a_reply(b"".join(parts).decode(), entries))

    assert [bytes(one["bytes"]) for one in spelled(out)] == parts[2:]


def test_an_alternative_is_a_text_of_its_own_and_goes_with_all_that_is_said_of_it() -> None:
    others = [entry(SECRET), entry("nobody"), {"token": "\\xc3", "bytes": [195], "logprob": -3}]
    out = masked(a_reply("me", [entry("me", top_logprobs=others)]))

    (kept,) = spelled(out)
    assert kept["token"] == "me"
    assert kept["top_logprobs"] == [entry("nobody"), {"token": "\\xc3", "bytes": None, "logprob": -3}]


def test_the_older_lists_stay_of_one_length() -> None:
    parts = ["I am ", "Zoë", " Quill", "."]
    said = {
        "tokens": parts,
        "token_logprobs": [None, -1.5, -2.5, -0.5],
        "top_logprobs": [None, {"a": -1}, {"b": -2}, {"c": -3}],
        "text_offset": [0, 5, 8, 14],
    }
    out = masked({"choices": [{"index": 0, "text": "".join(parts), "logprobs": said}]}, "completions")["choices"][0]

    assert out["text"] == "I am [PERSON]."
    assert out["logprobs"] == {
        "tokens": ["I am ", "."],
        "token_logprobs": [None, -0.5],
        "top_logprobs": [None, {"c": -3}],
        "text_offset": [0, 14],
    }


def test_lists_of_other_lengths_are_dropped() -> None:
    said = {"tokens": ["a", "b"], "token_logprobs": [-1]}
    out = masked({"choices": [{"index": 0, "text": "ab", "logprobs": said}]}, "completions")

    assert out["choices"][0]["logprobs"] is None


def test_what_says_it_in_token_ids_is_dropped() -> None:
    choice = {"index": 0, "message": {"content": "hi"}, "token_ids": [1, 2], "prompt_logprobs": [None, {"7": {}}]}
    out = masked({"choices": [choice], "prompt_token_ids": [3], "__verbose": {"content": SECRET}})

    assert (out["prompt_token_ids"], out["__verbose"]) == (None, None)
    assert (out["choices"][0]["token_ids"], out["choices"][0]["prompt_logprobs"]) == (None, None)


@given(st.lists(st.text(st.characters(exclude_categories=["Cs"]), max_size=5), min_size=1, max_size=8), st.data())
def test_no_part_of_a_secret_is_left_however_it_is_cut(before: list[str], data: st.DataObject) -> None:
    text = "".join(before).replace("Z", "z") + SECRET + before[0].replace("Z", "z")
    raw = text.encode()
    cuts = sorted(data.draw(st.sets(st.integers(1, len(raw) - 1), max_size=8)))
    parts = [raw[i:j] for i, j in zip([0, *cuts], [*cuts, len(raw)], strict=True)]
    entries = [
        {"token": part.decode("utf-8", "backslashreplace"), "bytes": list(part), "logprob": -1} for part in parts
    ]
    out = masked(a_reply(text, entries))
    at = text.encode().find(SECRET.encode())
    clear, position = [], 0
    for part in parts:
        if position + len(part) <= at or position >= at + len(SECRET.encode()):
            clear.append(part)
        position += len(part)

    assert [bytes(one["bytes"]) for one in spelled(out)] == clear


@pytest.mark.parametrize("probability", [-4111111111111111, 4.111111111111111e22, 41111111.0])
@pytest.mark.parametrize("where", ["entry", "alternative"])
def test_a_probability_that_is_none_is_inspected_like_any_number(probability: float, where: str) -> None:
    one = entry("so", top_logprobs=[entry("so")])
    (one if where == "entry" else one["top_logprobs"][0])["logprob"] = probability

    said = DIALECT.named("chat.completions").read_reply(json.dumps(a_reply("so", [one])).encode())

    assert [text.pointer for text in said.texts if text.pointer.endswith("/logprob")] == [
        "/choices/0/logprobs/content/0" + ("" if where == "entry" else "/top_logprobs/0") + "/logprob"
    ]
