from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from weighlock.ledger.places import MOST, Places


def told(says: list[int]) -> list[tuple[int, str]]:
    """What is said of entries that say these numbers, at the places from 0 on."""
    places, found = Places(), list[tuple[int, str]]()
    for at, number in enumerate(says):
        if at != number:
            places.moved(at, number)
    places.tell(lambda seq, step, kind, message: found.append((seq, kind)))
    return found


@given(st.integers(0, 40))
def test_nothing_is_said_of_entries_in_their_places(size: int) -> None:
    assert told(list(range(size))) == []


@given(st.sets(st.integers(0, 30), min_size=2, max_size=2))
def test_two_that_changed_places_are_swapped(two: set[int]) -> None:
    one, other = sorted(two)
    says = list(range(31))
    says[one], says[other] = other, one

    assert told(says) == [(one, "swapped")]


def test_several_swaps_are_several() -> None:
    assert told([1, 0, 2, 5, 4, 3]) == [(0, "swapped"), (3, "swapped")]


@given(st.permutations(range(7)))
def test_any_other_order_is_named_from_its_first_entry_on(says: list[int]) -> None:
    wrong = [at for at, number in enumerate(says) if at != number]

    found = told(says)

    assert {kind for _, kind in found} <= {"swapped", "reordered"}
    assert min((seq for seq, _ in found), default=None) == min(wrong, default=None)


@given(st.integers(0, 20), st.integers(1, 5), st.integers(1, 20))
def test_entries_that_were_put_in_shift_those_behind(before: int, count: int, behind: int) -> None:
    own = list(range(before, before + count))  # what is put in says the number at which it stands
    says = [*range(before), *own, *range(before, before + behind)]

    assert told(says) == [(before + count, "inserted")]


@given(st.integers(0, 20), st.integers(1, 5), st.integers(1, 20))
def test_entries_that_were_taken_out_shift_those_behind(before: int, count: int, behind: int) -> None:
    says = [*range(before), *range(before + count, before + count + behind)]

    assert told(says) == [(before, "deleted")]


def test_entries_without_any_order_are_not_all_kept_in_mind() -> None:
    assert told([number ^ 1 ^ (number % 3 << 20) for number in range(4 * MOST)])[-1][1] == "reordered"
