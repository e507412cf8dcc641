"""What was found in a segment is known the next time, and is what would have been found anew."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from weighlock.adapters.inspector.cache import RUN, Run, SegmentCache, findings
from weighlock.adapters.inspector.engine import Engine
from weighlock.detection.rules import Rule
from weighlock.model import Finding, Level, Role, Text

SENTENCES = (
    "Please write to Maria Lopez, maria@example.com, about the refund of her order. ",
    "The number 4111 1111 1111 1111 was charged twice, and nobody knows why that is so.\n",
    "How do canal locks work, and who built the first of them in this part of the world? ",
    "nothing at all stands here but words without an end of a sentence and so they go on ",
    "İstanbul ve 😀 karakterler, kart 5555 5555 5555 4444 ile ödendi, teşekkürler efendim. ",
)


@cache
def engine() -> Engine:
    made = Engine(bytes(32))
    card = r"(?:^|[^0-9])(?P<value>[0-9]{4}(?: [0-9]{4}){3})"
    made.use([Rule("card", "Card", Level.HIGH, "CREDIT_CARD", ("pii",), card, 1.0, validator="luhn")])
    return made


def inspected(known: SegmentCache, texts: Sequence[Text], rules: str = "r") -> tuple[list[Finding], int]:
    """What is found, and how many code points an engine had to look at."""
    segments, runs = known.plan(texts, rules)
    for run in runs:
        run.take(engine().inspect([Text("", run.role, run.value)]))
    known.keep(segments)
    return list(findings(segments)), sum(len(run.value) for run in runs)


def content(value: str, pointer: str = "/0") -> Text:
    return Text(pointer, Role.CONTENT, value)


@given(st.lists(st.lists(st.sampled_from(SENTENCES), max_size=12).map("".join), max_size=4))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
def test_findings_are_those_of_the_engine_the_first_and_the_second_time(values: list[str]) -> None:
    known = SegmentCache(bytes(32), 1 << 20)
    texts = [content(value, f"/{at}") for at, value in enumerate(values)]
    expected = engine().inspect(texts)

    assert inspected(known, texts)[0] == expected
    assert inspected(known, texts) == (expected, 0)


def test_a_chat_that_resends_its_history_pays_for_what_is_new() -> None:
    known = SegmentCache(bytes(32), 1 << 20)
    turns = [f"In turn {at} of this conversation somebody asks about the locks of a canal. " * 3 for at in range(30)]
    looked = sum(inspected(known, [content(turn) for turn in turns[: at + 1]])[1] for at in range(30))

    assert 0 < looked <= sum(map(len, turns))


@pytest.mark.parametrize("other", ["rules", "role", "key"])
def test_other_rules_another_kind_of_text_or_process_know_nothing(other: str) -> None:
    known = SegmentCache(bytes(32), 1 << 20)
    value = SENTENCES[0] * 3
    inspected(known, [content(value)])
    if other == "rules":
        assert inspected(known, [content(value)], "s")[1] == len(value)
    elif other == "role":
        assert inspected(known, [Text("/0", Role.PARAMETER, value)])[1] == len(value)
    else:
        own, others = (one.plan([content(value)], "r")[0][0] for one in (known, SegmentCache(b"k" * 32, 1 << 20)))
        assert own.key != others.key


def test_it_holds_no_plaintext() -> None:
    known = SegmentCache(bytes(32), 1 << 20)
    inspected(known, [content(SENTENCES[0])])

    assert known._known
    assert "Lopez" not in repr(known.__dict__)
    assert "Lopez" not in repr(Run(Role.CONTENT, SENTENCES[0], []))


def test_what_was_not_asked_for_the_longest_goes_first_and_the_bound_holds() -> None:
    known = SegmentCache(bytes(32), limit=20_000)
    first = content(SENTENCES[0])
    inspected(known, [first])
    for number in range(150):
        inspected(known, [content(f"A sentence of its own that bears the number {number} and is long enough. ")])
        if number < 50:
            assert inspected(known, [first])[1] == 0

    assert inspected(known, [first])[1] > 0
    assert known._size <= 20_000


def test_runs_are_bounded_and_follow_each_other() -> None:
    known = SegmentCache(bytes(32), 1 << 20)
    value = "".join(
        f"Sentence {number} of a document that is long and has no names in it at all. " for number in range(900)
    )
    middle = value[: len(value) // 2]
    segments, runs = known.plan([content(value)], "r")

    assert "".join(run.value for run in runs) == value
    assert max(len(run.value) for run in runs) <= RUN
    assert [segment.start for segment in segments] == [
        sum(earlier.size for earlier in segments[:at]) for at in range(len(segments))
    ]
    inspected(known, [content(middle)])
    assert "".join(run.value for run in known.plan([content(value)], "r")[1]) in value[len(middle) - 200 :]


def test_a_finding_that_lies_in_no_segment_is_no_answer() -> None:
    _, (run,) = SegmentCache(bytes(32), 1 << 20).plan([content("".join(SENTENCES[:2]))], "r")
    across = Finding("r", "R", Level.LOW, 1.0, "0", run.segments[0].size - 1, run.segments[0].size + 1, "f")

    with pytest.raises(ValueError, match="no segment"):
        run.take([across])
