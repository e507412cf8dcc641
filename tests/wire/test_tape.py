from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from weighlock.errors import Malformed
from weighlock.wire import tape
from weighlock.wire.tape import Tape

PASSED = st.lists(st.tuples(st.integers(0, 50), st.binary(max_size=6)))


class Clock:
    now = 0

    def __call__(self) -> int:
        return self.now


@given(PASSED)
def test_what_passed_is_told_again_in_order_and_never_back_in_time(passed: list[tuple[int, bytes]]) -> None:
    clock = Clock()
    kept = Tape(clock)
    for clock.now, data in passed:
        kept.add(data)

    told = tape.cut(tape.encode({"received": kept.pieces}), "received", bytes(kept.data))

    assert b"".join(data for _, data in told) == b"".join(data for _, data in passed)
    times = [at for at, _ in told]
    assert times == sorted(set(times))
    assert len(times) <= len({at for at, _ in passed})


@given(PASSED)
def test_messages_are_never_joined(passed: list[tuple[int, bytes]]) -> None:
    clock = Clock()
    kept = Tape(clock)
    for clock.now, data in passed:
        kept.add_line(data)

    told = tape.cut(tape.encode({"received": kept.pieces}), "received", bytes(kept.data))

    assert [line for _, line in told] == [data + b"\n" for _, data in passed]


@pytest.mark.parametrize(
    "timing",
    [
        b"",
        b"[]",
        b"{}",
        b'{"received": [[0,4]]}',
        b'{"received": [[0]]}',
        b'{"received": [[0,9],[1,-4]]}',
    ],
)
def test_a_timing_that_is_not_of_these_bytes_is_refused(timing: bytes) -> None:
    with pytest.raises(Malformed):
        tape.cut(timing, "received", b"hello")
