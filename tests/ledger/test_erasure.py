from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders import a_principal
from ledgers import an_exchange
from weighlock.ledger import entry, erasure
from weighlock.ledger.entry import Entry, Kind
from weighlock.ledger.erasure import Kept, Target, chosen, kept


def asked(seq: int, id: str, kind: Kind = Kind.REQUEST, **principal: Any) -> Entry:
    body = entry.request_body(an_exchange(id=id, principal=a_principal(**principal)))
    return Entry(seq, entry.timestamp(seq), kind, body)


ENTRIES = [
    asked(0, "e1", session="s1"),
    asked(1, "e2", workload="weekly", subject="kim-token", persons=frozenset({"kim"})),
    asked(2, "e1", Kind.RESPONSE),
    asked(3, "e3"),
]


@pytest.mark.parametrize(
    ("target", "seqs"),
    [
        (Target(session="s1"), [0, 2]),
        (Target(workload="nightly"), [0, 2, 3]),
        (Target(person="kim"), [1]),
        (Target(person="kim-token"), [1]),
        (Target(person="kim", workload="nightly"), []),
        (Target(person="casey"), []),
    ],
    ids=["session", "workload", "person", "subject", "both must hold", "nobody"],
)
def test_all_payloads_of_whom_it_means_are_chosen(target: Target, seqs: list[int]) -> None:
    assert chosen(kept(ENTRIES, frozenset(range(4))), target, []) == (seqs, 0)


def test_what_is_erased_already_is_not_chosen_again() -> None:
    assert chosen(kept(ENTRIES, frozenset({2, 3})), Target(workload="nightly"), []) == ([2, 3], 0)


def test_what_is_held_is_counted_and_stays() -> None:
    holds = [Target(session="s1"), Target(person="kim")]

    assert chosen(kept(ENTRIES, frozenset(range(4))), Target(workload="nightly"), holds) == ([3], 2)


targets = st.builds(Target, person=st.sampled_from(["", "a", "b"]), workload=st.sampled_from(["", "w", "v"]))
some = st.lists(
    st.builds(
        Kept,
        st.lists(st.integers(0, 9), min_size=1),
        workload=st.sampled_from("wv"),
        persons=st.sets(st.sampled_from("ab")),
    )
)


@given(some, targets, st.lists(targets, max_size=3))
def test_a_hold_only_ever_takes_away_from_what_is_erased(
    exchanges: list[Kept], target: Target, holds: list[Target]
) -> None:
    free, held = chosen(exchanges, target, holds)
    everything, _ = chosen(exchanges, target, [])

    assert len(free) + held == len(everything)
    assert set(free) <= set(everything)


@given(st.sets(st.integers(0, 1000)))
def test_ranges_name_exactly_the_entries(seqs: set[int]) -> None:
    body = erasure.erasure_body({}, "", "", sorted(seqs))

    assert list(erasure.erased(body, 1001)) == sorted(seqs)


@pytest.mark.parametrize(
    "named",
    [None, 3, [3], [[1]], [["a", 2]], [[2, 1]], [[-1, 2]], [[0, 7]], [[0, 10**15]]],
    ids=["nothing", "number", "no pair", "half", "text", "back", "below", "itself", "huge"],
)
def test_an_erasure_of_anything_but_earlier_entries_is_none(named: Any) -> None:
    with pytest.raises(ValueError):
        list(erasure.erased({"erased": named}, 7))
