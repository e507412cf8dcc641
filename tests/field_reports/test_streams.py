"""What others' users reported about masked streams, each as a test: its name is the report's."""

from __future__ import annotations

import asyncio
import json

import pytest

from field_reports.rig import (
    CARD,
    END,
    VALUES,
    a_masker,
    changes,
    deltas,
    event,
    masked,
    said,
    streamed,
)
from weighlock.errors import BadReply, Unavailable
from weighlock.masking.apply import Rewrite
from weighlock.model import Text
from weighlock.stages.pump import Pump

SAID = f"The card on file is {CARD}, and it expires next year. "
MASKED = masked(SAID)


@pytest.mark.parametrize("value", VALUES.values(), ids=VALUES)
def test_litellm_41611_a_value_split_over_two_events(value: str) -> None:
    text = f"Please note: {value}, and answer."
    expected = masked(text)

    assert value not in expected
    for cut in range(len("Please note: "), text.index(", and")):
        parts = event({"content": text[:cut]}), event({"content": text[cut:]}), END
        assert said(streamed(*parts)) == expected


def test_litellm_31764_the_stream_is_held_until_its_end() -> None:
    masker = a_masker()
    out = [b"".join(masker.release(changes(masker.feed(event({"content": SAID}))))) for _ in range(9)]

    assert sum(map(bool, out)) > 1
    assert CARD.encode() not in b"".join(out)


def test_litellm_30028_an_event_and_a_character_split_over_packets() -> None:
    stream = event({"content": f"“Grüße” 😀 {CARD} "}) + event({"content": SAID}) + END
    whole = streamed(stream)

    assert CARD.encode() not in whole
    for cut in range(len(stream)):
        assert streamed(stream[:cut], stream[cut:]) == whole
    assert streamed(*(stream[at : at + 1] for at in range(len(stream)))) == whole


def test_agentgateway_3603_a_stream_is_dropped_where_a_mask_is_in_force() -> None:
    parts = [event({"content": SAID[at : at + 7]}) for at in range(0, len(SAID), 7)]
    out = streamed(*parts, END)

    assert said(out) == MASKED
    assert len(deltas(out)) == len(parts) + 1


CLEAN = (
    "Use gpt-4.1-nano for it, ",
    "or claude-sonnet-5 on EKS; ",
    "the bucket is in S3 (eu-central-1). ",
    "`for i in range(1000): print(i)` ",
    "takes 12.5 ms.\n",
) * 4


def test_litellm_20027_25780_21949_a_clean_stream_is_changed() -> None:
    stream = b"".join(event({"content": text}) for text in CLEAN) + END

    assert streamed(stream) == stream


@pytest.mark.parametrize(
    "stream",
    [
        b"data: " + json.dumps({"choices": [{"index": 0, "delta": {"content": SAID}}]}).encode() + b"\n\ndata: [DONE]",
        b": wait\n\nretry: 9\n\n" + event({"content": SAID}) + END,
        (event({"content": SAID}) + END).replace(b"\n", b"\r\n"),
        (event({"content": SAID}) + END).replace(b'"choices"', b'\ndata: "choices"'),
        b"event: message\nid: 7\n" + event({"content": SAID}) + END,
    ],
    ids=["no end of line", "comments", "CRLF", "data over two lines", "named"],
)
def test_aisix_1091_1100_events_in_every_spelling_are_masked(stream: bytes) -> None:
    out = streamed(stream)

    assert CARD.encode() not in out
    assert MASKED.strip()[:60].encode() in out


@pytest.mark.parametrize(
    "stream",
    [
        b"data: The card is %s\n\n" % CARD.encode() + END,
        b'event: surprise\ndata: {"choices": {"text": "%s"}}\n\n' % CARD.encode() + END,
        b'{"error": "%s"}' % CARD.encode(),
        event({"content": SAID}),
    ],
    ids=["not JSON", "another shape", "no events", "broken off"],
)
def test_aisix_1103_1104_what_is_no_such_stream_is_never_passed_on(stream: bytes) -> None:
    with pytest.raises(BadReply):
        streamed(stream)


@pytest.mark.parametrize("member", ["reasoning_content", "reasoning", "refusal", "content"])
def test_aisix_1106_204_thoughts_and_refusals_are_not_masked(member: str) -> None:
    parts = [event({member: SAID[at : at + 7]}) for at in range(0, len(SAID), 7)]

    assert said(streamed(*parts, END), member) == MASKED


def test_litellm_31950_arguments_of_a_tool_are_no_json_any_more() -> None:
    arguments = json.dumps({"note": f'He said: "{CARD}"\n', "copies": 2})
    parts = [
        event({"tool_calls": [{"index": 0, "function": {"arguments": arguments[at : at + 4]}}]})
        for at in range(0, len(arguments), 4)
    ]
    calls = [delta["tool_calls"][0] for delta in deltas(streamed(*parts, END)) if "tool_calls" in delta]

    assert json.loads("".join(call["function"]["arguments"] for call in calls)) == {
        "note": 'He said: "***************1111"\n',
        "copies": 2,
    }


@pytest.mark.parametrize("error", [Unavailable("inspection-failed", "An inspector died."), ValueError(CARD)])
@pytest.mark.parametrize("good", [0, 1, 2])
async def test_litellm_30728_portkey_1003_a_check_that_fails_counts_as_passed(error: Exception, good: int) -> None:
    out, checked = bytearray(), 0

    async def emit(data: bytes) -> bool:
        out.extend(data)
        return True

    async def weigh(texts: tuple[Text, ...]) -> dict[str, list[Rewrite]]:
        nonlocal checked
        checked += any("card" in text.value for text in texts)
        if checked > good:
            raise error
        return {pointer: list(changed) for pointer, changed in changes(texts).items()}

    pump = Pump(a_masker(), weigh, emit, 1 << 20, lambda: 0)
    for _ in range(4):
        assert pump.feed(event({"content": SAID})) == []
        for _ in range(10):  # what comes in meanwhile would be checked together with it
            await asyncio.sleep(0)
    pump.close()
    with pytest.raises((Unavailable, ValueError)):
        await pump.ended()

    assert CARD.encode() not in out
    assert b"[DONE]" not in out
