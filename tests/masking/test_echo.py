"""Law: every credential is masked, whatever else is, and nothing that is masked otherwise comes back."""

from __future__ import annotations

import itertools
import json
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighlock.dialects.openai_chat_stream import ChatStream
from weighlock.masking.apply import Rewrite, apply
from weighlock.masking.echo import MASKED, SHORTEST, blotted, hidden, secret
from weighlock.masking.stream import StreamMasker
from weighlock.model import Text
from weighlock.wire.sse import Sse

SECRET = 'sk-proj-a1B2c3"D4\\e5F6'


@st.composite
def spans(draw: st.DrawFn, size: int) -> list[Rewrite]:
    """Sorted, and none overlaps another."""
    cuts = sorted(draw(st.lists(st.integers(0, size), max_size=8, unique=True)))
    return [Rewrite(start, end, "#") for start, end in zip(cuts[::2], cuts[1::2], strict=False)]


def covered(rewrites: Sequence[Rewrite]) -> set[int]:
    return {at for rewrite in rewrites for at in range(rewrite.start, rewrite.end)}


@settings(max_examples=500)
@given(st.sampled_from(["abababab", "aaaaaaaa", "abcdefgh"]), st.text(alphabet="abcdefgh ", max_size=60), st.data())
def test_what_is_masked_is_the_credential_and_all_that_was_masked_anyway(
    own: str, text: str, data: st.DataObject
) -> None:
    value = data.draw(st.sampled_from([text, text + own, own + text, text + own + text, own + own[2:] + text]))
    policy = data.draw(spans(len(value)))

    found = hidden(value, policy, own)

    places = {at + i for at in range(len(value)) if value.startswith(own, at) for i in range(len(own))}
    assert covered(found) == covered(policy) | places
    assert all(one.end <= two.start for one, two in itertools.pairwise(found))
    assert own not in apply(value, found)
    if not places:
        assert found is policy


def test_a_credential_is_replaced_by_its_name() -> None:
    assert apply(f"key {SECRET}!", hidden(f"key {SECRET}!", (), SECRET)) == f"key {MASKED}!"


@pytest.mark.parametrize(
    ("credential", "looked_for"),
    [
        (None, ""),
        ((), ""),
        ((("authorization", f"Bearer {SECRET}"),), SECRET),
        ((("x-api-key", SECRET),), SECRET),
        ((("authorization", f"Bearer {SECRET}"), ("anthropic-beta", "oauth-2025-04-20")), SECRET),
        ((("authorization", "Bearer EMPTY"),), ""),
        ((("x-api-key", "x" * SHORTEST),), "x" * SHORTEST),
    ],
)
def test_the_credential_is_looked_for_and_not_what_goes_with_it(credential: object, looked_for: str) -> None:
    assert secret(credential) == looked_for  # type: ignore[arg-type]


def test_nothing_is_looked_for_where_there_is_no_credential() -> None:
    assert hidden("anything", (), "") == ()
    assert blotted(b"anything", "") == b"anything"


def test_a_blot_is_as_long_as_what_it_covers() -> None:
    data = f"x: {SECRET}\r\n\r\n{SECRET}{SECRET[:-1]}".encode()
    blot = blotted(data, SECRET)

    assert SECRET.encode() not in blot
    assert len(blot) == len(data)
    assert blot.endswith(SECRET[:-1].encode())


def stream(deltas: Sequence[str]) -> bytes:
    choices = [{"index": 0, "delta": {"content": delta}} for delta in deltas]
    chunks = [*choices, {"index": 0, "delta": {}, "finish_reason": "stop"}]
    events = [json.dumps({"id": f"id-{SECRET}", "choices": [choice]}) for choice in chunks]
    return "".join(f"data: {event}\n\n" for event in [*events, "[DONE]"]).encode()


def run(parts: Sequence[bytes]) -> bytes:
    masker = StreamMasker(Sse(), ChatStream(), 1 << 20)

    def release(texts: tuple[Text, ...]) -> bytes:
        found = {text.pointer: hidden(text.value, (), SECRET) for text in texts}
        return b"".join(masker.release({pointer: changes for pointer, changes in found.items() if changes}))

    return b"".join([*(release(masker.feed(part)) for part in parts), release(masker.finish())])


def said(data: bytes) -> str:
    reader = Sse()
    events = [event.data for event in [*reader.feed(data), *reader.finish()] if event.data != "[DONE]"]
    return "".join(json.loads(event)["choices"][0]["delta"].get("content", "") for event in events)


TEXT = (
    f"A sentence that is long enough to be a segment of its own, and it ends here. The key is {SECRET}{SECRET}, is it?"
)


@pytest.mark.parametrize("size", range(1, len(SECRET) + 2))
def test_a_credential_that_is_split_over_events_is_masked(size: int) -> None:
    whole = stream([TEXT[at : at + size] for at in range(0, len(TEXT), size)])

    assert said(run([whole])) == TEXT.replace(SECRET + SECRET, MASKED + MASKED)
    assert run([bytes([byte]) for byte in whole]) == run([whole])
    assert b"sk-proj" not in run([whole])


def test_every_cut_of_the_bytes_gives_the_same() -> None:
    whole = stream([TEXT[:95], TEXT[95:100], TEXT[100:]])
    expected = run([whole])

    assert b"sk-proj" not in expected
    for at in range(len(whole)):
        assert run([whole[:at], whole[at:]]) == expected
