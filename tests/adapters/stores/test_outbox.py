"""The outbox: nothing is lost, nothing that was taken is sent again, and everything ends."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import settings as rounds
from hypothesis import strategies as st

from held import an_approval
from weighlock.adapters.stores import outbox
from weighlock.adapters.stores.outbox import AGE, FIRST, KEPT, LONGEST, TRIES, Outbox, delay
from weighlock.approval.notices import News, Notice, notice


class Time:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


def opened(state: Path, time: Time) -> Outbox:
    return Outbox.open(state, time, lambda: 0.5)


def a_notice(id: str = "ab12") -> Notice:
    return notice(an_approval(id=id), News.PENDING, 1000.0, "", {})


@rounds(max_examples=60)
@given(st.lists(st.sampled_from(("put", "taken", "lost", "refused", "restart", "later")), max_size=40))
def test_whatever_fails_and_whenever_it_stops_each_is_taken_once_or_dead(steps: list[str]) -> None:
    """*lost*: it was taken, and the gateway ended before it was noted; that alone is sent again."""
    time, put, taken, lost = Time(), set[str](), list[str](), list[str]()
    with tempfile.TemporaryDirectory() as folder:
        box = opened(Path(folder), time)
        for at, step in enumerate(steps):
            letter = box.first("hook")
            if step == "put":
                put.add(f"{at:x}-pending")
                box.put(a_notice(f"{at:x}"), ["hook"])
                box.put(a_notice(f"{at:x}"), ["hook"])
            elif step == "restart" or (step == "lost" and not letter):
                box.close()
                box = opened(Path(folder), time)
            elif step == "later":
                time.now += 120
            elif letter:
                time.now = max(time.now, letter.due)
                if step == "taken":
                    taken.append(letter.notice.id)
                    box.sent(letter)
                elif step == "lost":
                    lost.append(letter.notice.id)
                    box.close()
                    box = opened(Path(folder), time)
                else:
                    box.failed(letter, "HTTP 500")
        while letter := box.first("hook"):
            taken.append(letter.notice.id)
            box.sent(letter)
        dead = [row["id"] for row in box.dead()]
        box.close()

    assert len(taken) == len(set(taken))
    assert set(taken) | set(dead) == put
    assert not set(taken) & set(dead)
    assert set(lost) <= put


def test_what_was_taken_is_known_for_a_long_time_and_not_sent_again(tmp_path: Path) -> None:
    time = Time()
    box = opened(tmp_path, time)
    box.put(a_notice(), ["hook"])
    letter = box.first("hook")
    assert letter
    box.sent(letter)

    time.now += KEPT - 1
    box.put(a_notice(), ["hook"])

    assert box.first("hook") is None


def test_attempts_are_bounded_and_then_the_letter_is_dead(tmp_path: Path) -> None:
    time = Time()
    box = opened(tmp_path, time)
    box.put(a_notice(), ["hook"])
    tries = 0
    while letter := box.first("hook"):
        time.now = letter.due
        box.failed(letter, "HTTP 500")
        tries += 1

    (dead,) = box.dead()
    assert tries == dead["tries"] <= TRIES
    assert (dead["id"], dead["channel"], dead["why"]) == ("ab12-pending", "hook", "HTTP 500")
    assert time.now - 1000 <= AGE
    box.forget_dead([("other", "hook")])
    assert len(box.dead()) == 1
    box.forget_dead([("ab12-pending", "hook")])
    assert box.dead() == []


def test_what_nobody_took_in_an_hour_is_dead(tmp_path: Path) -> None:
    time = Time()
    box = opened(tmp_path, time)
    box.put(a_notice(), ["hook"])
    time.now += AGE

    assert box.first("hook") is None
    assert [row["why"] for row in box.dead()] == ["too old"]


def test_channels_are_apart(tmp_path: Path) -> None:
    box = opened(tmp_path, Time())
    box.put(a_notice(), ["a", "b"])
    letter = box.first("a")
    assert letter
    box.failed(letter, "ConnectionRefusedError")

    waits, later = box.first("b"), box.first("a")
    assert waits
    assert later
    assert waits.due == 1000 < later.due
    assert box.waiting() == {"a": 1, "b": 1}
    box.leave(["a"])
    assert box.waiting() == {"a": 1}
    assert [row["why"] for row in box.dead()] == ["no such channel"]


def test_too_many_that_wait_are_dead_at_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "WAITING", 2)
    box = opened(tmp_path, Time())
    for id in ("a", "b", "c"):
        box.put(a_notice(id), ["hook"])

    assert box.waiting() == {"hook": 2}
    assert [row["why"] for row in box.dead()] == ["too many wait"]


@given(st.integers(1, TRIES), st.floats(0, 1, exclude_max=True))
def test_attempts_grow_apart_with_chance(tries: int, chance: float) -> None:
    whole = min(LONGEST, FIRST * 2 ** (tries - 1))

    assert whole / 2 <= delay(tries, chance) < whole or chance == pytest.approx(1)


def test_it_is_readable_by_nobody_else(tmp_path: Path) -> None:
    opened(tmp_path, Time()).close()

    assert (tmp_path / outbox.NAME).stat().st_mode & 0o077 == 0
