"""No text-bearing place of any dialect is missed: in requests, replies and streams, whole and in every cutting."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from dialects.matrix import PLANTED, Case, NotMaskable, Stream, cases, masked_body, masked_text, plantings, rewrites
from weighlock import dialects
from weighlock.errors import Refused
from weighlock.masking.apply import apply
from weighlock.wire.jsontext import tokens

CASES = cases()


def having(*members: str) -> pytest.MarkDecorator:
    chosen = [case for case in CASES if all(member in case.said for member in members)]
    return pytest.mark.parametrize("case", chosen, ids=[f"{case.path.parent.name}/{case.path.stem}" for case in chosen])


def test_every_dialect_has_cases_of_all_that_it_does() -> None:
    told = {(case.dialect.name, case.said["operation"]) for case in CASES}
    flowing = {(case.dialect.name, case.said["operation"]) for case in CASES if case.streams}

    for dialect in dialects.DIALECTS:
        if dialect.name == "generic":
            continue
        assert {(dialect.name, own.name) for own in dialect.operations} <= told
        assert {(dialect.name, own.name) for own in dialect.operations if own.streams or own.socket} <= flowing


@having("request")
def test_a_request_is_read_as_what_it_is_and_says_the_same_when_nothing_is_masked(case: Case) -> None:
    view = case.view(case.said["request"].get("body"))
    operation = case.dialect.operation(view)

    assert operation is case.operation
    assert json.loads(masked_body(operation.read(view)[1]) or b"null") == case.said["request"].get("body")


@having("request")
def test_nothing_planted_in_a_request_goes_on(case: Case) -> None:
    masked = 0
    for place, body in plantings(case.said["request"].get("body")):
        try:
            _, said = case.operation.read(case.view(body))
            out = masked_body(said)
        except (Refused, NotMaskable):
            continue
        assert PLANTED not in out.decode(), place
        masked += 1

    assert masked or not case.said["request"].get("body")


@having("reply")
def test_nothing_planted_in_a_reply_comes_back(case: Case) -> None:
    masked = 0
    clean = case.operation.read_reply(json.dumps(case.said["reply"]).encode())
    assert json.loads(masked_body(replace(clean, dropped=()))) == case.said["reply"]
    for place, body in plantings(case.said["reply"]):
        try:
            out = masked_body(case.operation.read_reply(json.dumps(body).encode()))
        except (Refused, NotMaskable):
            continue
        assert PLANTED not in out.decode(), place
        masked += 1

    assert masked


STREAMS = [
    pytest.param(stream, id=f"{case.path.parent.name}/{case.path.stem} {name}")
    for case in CASES
    for name, stream in case.streams.items()
]
each_stream = pytest.mark.parametrize("stream", STREAMS)


def bytewise(stream: Stream, parts: list[bytes]) -> list[bytes]:
    return parts if stream.whole else [bytes([byte]) for part in parts for byte in part]


@each_stream
def test_a_clean_stream_leaves_as_it_came(stream: Stream) -> None:
    parts = stream.written(stream.frames)

    assert stream.masked(parts) == parts
    assert stream.masked(bytewise(stream, parts)) == parts


@each_stream
def test_nothing_planted_in_a_stream_comes_back(stream: Stream) -> None:
    frames, masked = stream.frames, 0
    for number, frame in enumerate(frames):
        if not frame.data.startswith(("{", "[{")):
            continue
        for place, data in plantings(json.loads(frame.data)):
            planted = [*frames[:number], replace(frame, data=json.dumps(data)), *frames[number + 1 :]]
            try:
                out = b"".join(stream.masked(stream.written(planted)))
            except (Refused, NotMaskable):
                continue
            assert PLANTED not in out.decode(), f"frame {number} {place}"
            masked += 1

    assert masked


def in_a_value(text: str) -> bool:
    """Whether all that is planted in JSON stands in its strings, not between them or in names."""
    values = [token.leaf.value for token in tokens(text) or () if token.leaf.kind == "string"]
    return sum(value.count(PLANTED) for value in values) == text.count(PLANTED)


def split_over_runs(stream: Stream) -> list[bytes]:
    """The stream with what is planted begun at the end of each piece of a run, and ended in the next."""
    frames = stream.frames
    values = [json.loads(frame.data) if frame.data.startswith(("{", "[{")) else None for frame in frames]
    for pieces in stream.runs(frames).values():
        text = [value for _, _, value, _ in pieces]
        json_text = pieces[0][3]
        for at in range(len(pieces) - 1):
            both = [text[at] + PLANTED[: 1 + at % 5], PLANTED[1 + at % 5 :] + text[at + 1]]
            if not json_text or in_a_value("".join([*text[:at], *both, *text[at + 2 :]])):
                text[at : at + 2] = both
        for (number, pointer, _, _), value in zip(pieces, text, strict=True):
            *path, last = pointer.split("/")[1:]
            inner = values[number]
            for name in path:
                inner = inner[int(name) if isinstance(inner, list) else name]
            inner[int(last) if isinstance(inner, list) else last] = value
    planted = [
        frame if value is None else replace(frame, data=json.dumps(value))
        for frame, value in zip(frames, values, strict=True)
    ]
    return stream.written(planted)


@each_stream
def test_what_is_split_over_a_stream_is_masked_as_the_whole(stream: Stream) -> None:
    parts = split_over_runs(stream)
    expected = {
        name: masked_text("".join(value for _, _, value, _ in pieces), pieces[0][3])
        for name, pieces in stream.runs(stream.read(parts)).items()
    }
    whole = stream.masked(parts)

    assert {
        name: "".join(value for _, _, value, _ in pieces) for name, pieces in stream.runs(stream.read(whole)).items()
    } == expected
    assert not any(PLANTED[:2] in text for text in expected.values())
    assert stream.masked(bytewise(stream, parts)) == whole
    assert not expected or whole != parts


@pytest.mark.parametrize("stream", [param for param in STREAMS if not param.values[0].whole])
@settings(max_examples=10, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data())
def test_no_cutting_makes_a_difference(stream: Stream, data: st.DataObject) -> None:
    (wire,) = split_over_runs(stream)
    at = sorted(data.draw(st.lists(st.integers(0, len(wire)), max_size=10)))

    assert stream.masked([wire[i:j] for i, j in zip([0, *at], [*at, len(wire)], strict=True)]) == stream.masked([wire])


def test_what_is_planted_is_found_in_every_part_of_it() -> None:
    assert apply(f"a{PLANTED}b{PLANTED[:3]}c", rewrites(f"a{PLANTED}b{PLANTED[:3]}c")) == "a<6>b<3>c"
