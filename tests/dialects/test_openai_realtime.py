from __future__ import annotations

import json
import re
from typing import Any

import pytest

from weighlock.dialects.openai_realtime import ServerEvents
from weighlock.masking.apply import Rewrite
from weighlock.masking.stream import StreamMasker
from weighlock.wire.messages import Messages

CARD = "4111 1111 1111 1111"
TRANSCRIPTION = "conversation.item.input_audio_transcription"


def masked(*events: dict[str, Any]) -> list[dict[str, Any]]:
    masker, out = StreamMasker(Messages(), ServerEvents(), 1 << 20), []
    for event in events:
        texts = masker.feed(json.dumps(event).encode())
        found = {
            text.pointer: [Rewrite(at.start(), at.end(), "<CARD>") for at in re.finditer(CARD, text.value)]
            for text in texts
            if CARD in text.value
        }
        out += [json.loads(frame) for frame in masker.release(found)]
    return out


def spelt(*tokens: str) -> list[dict[str, Any]]:
    return [{"token": token, "logprob": -0.5, "bytes": list(token.encode())} for token in tokens]


def event(step: str, **given: Any) -> dict[str, Any]:
    return {"type": f"{TRANSCRIPTION}.{step}", "item_id": "i", "content_index": 0} | given


def test_the_token_probabilities_of_a_transcript_go_where_it_is_masked() -> None:
    tokens = ("It is ", "4111 1111", " 1111 1111", ".")

    out = masked(
        *(event("delta", delta=token, logprobs=spelt(token)) for token in tokens),
        event("completed", transcript="".join(tokens), logprobs=spelt(*tokens)),
    )

    assert "".join(one["delta"] for one in out[:4]) == out[4]["transcript"] == "It is <CARD>."
    assert [[one["token"] for one in event["logprobs"]] for event in out[:4]] == [["It is "], [], [], ["."]]
    assert [one["token"] for one in out[4]["logprobs"]] == ["It is ", "."]


@pytest.mark.parametrize("said", [{"transcript": "no"}, {"transcript": None}, {}], ids=["another", "null", "none"])
def test_token_probabilities_that_spell_nothing_that_is_said_are_left_out(said: dict[str, Any]) -> None:
    (out,) = masked(event("completed", logprobs=spelt("4111", " 1111 1111 1111"), **said))

    assert out["logprobs"] is None


@pytest.mark.parametrize("end", ["completed", "failed"])
def test_a_transcript_is_complete_though_no_response_follows_it(end: str) -> None:
    """As in a session that only transcribes."""
    first, last = masked(event("delta", delta="Hello"), event(end))

    assert (first["delta"], last["type"]) == ("Hello", f"{TRANSCRIPTION}.{end}")


def test_a_member_of_a_delta_that_is_not_known_yet_runs_on_too() -> None:
    halves = [event("delta", delta="", remark=half, item_id="i", event_id=half) for half in (CARD[:9], CARD[9:])]

    first, second, _ = masked(*halves, event("completed"))

    assert (first["remark"], second["remark"]) == ("<CARD>", "")


def test_a_session_goes_on_after_a_response() -> None:
    said = [{"type": "response.output_text.delta", "response_id": name, "delta": "Hello"} for name in "ab"]
    done = [{"type": "response.done", "response": {"id": name}} for name in "ab"]

    assert masked(said[0], done[0], said[1], done[1]) == [said[0], done[0], said[1], done[1]]


def test_a_transcript_goes_on_behind_a_response_that_was_quicker() -> None:
    said = [
        event("delta", delta="It is 4111 1111"),
        {"type": "response.output_text.delta", "response_id": "a", "delta": "Hello"},
        {"type": "response.done", "response": {"id": "a"}},
        event("delta", delta=" 1111 1111."),
        event("completed", transcript=f"It is {CARD}."),
    ]

    out = masked(*said)

    assert out[:3] == [said[0] | {"delta": "It is <CARD>"}, *said[1:3]]
    assert (out[3]["delta"], out[4]["transcript"]) == (".", "It is <CARD>.")
