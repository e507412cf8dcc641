from __future__ import annotations

import sqlite3
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from weighlock.adapters.stores.control import Control
from weighlock.adapters.stores.events import EventStore
from weighlock.errors import ConfigError
from weighlock.identity.events import MAX_AGE, Cut, SecurityEvent

NOW = 1_800_000_000.0
URL = "https://idp.example"
DISABLED = "https://schemas.openid.net/secevent/risc/event-type/account-disabled"
DANA = Cut("email", "dana@example.com", "", None)


def an_event(id: str = "one", **given: Any) -> SecurityEvent:
    good = {"issuer": URL, "digest": f"digest of {id}", "issued_at": NOW, "subject": None, "events": {DISABLED: {}}}
    return SecurityEvent(**good | given, id=id)


@pytest.fixture
def store(tmp_path: Path) -> Iterator[EventStore]:
    store = EventStore.open(tmp_path)
    yield store
    store.close()


@pytest.fixture
def control(tmp_path: Path, store: EventStore) -> Iterator[Control]:
    """As the gateway's watch has it: a connection of its own."""
    control = Control.open(tmp_path)
    yield control
    control.close()


def in_force(control: Control) -> list[Cut]:
    return [Cut(cutoff.claim, cutoff.value, cutoff.issuer, cutoff.before) for cutoff in control.current()]


def test_an_event_is_kept_with_its_cut_offs(store: EventStore, control: Control) -> None:
    other = Cut("sub", "u-1", URL, 5.0)
    assert store.take(an_event(), [DANA, other], NOW) is None

    assert in_force(control) == [DANA, other]
    (first, _) = control.current()
    assert (first.by, first.reason, first.added_at) == (f"ssf:{URL}", "account-disabled", NOW)


def test_an_event_that_comes_again_has_no_second_effect(store: EventStore, control: Control) -> None:
    store.take(an_event(), [DANA], NOW)
    control.lift(1, by="operator", now=NOW)

    assert store.take(an_event(), [DANA], NOW) == "digest of one"
    assert store.take(an_event(digest="another"), [DANA], NOW) == "digest of one"
    assert in_force(control) == []


def test_a_jti_is_its_transmitters_own(store: EventStore, control: Control) -> None:
    assert store.take(an_event(), [], NOW) is None
    assert store.take(an_event(issuer="https://other.example"), [DANA], NOW) is None
    assert in_force(control) == [DANA]


def test_events_are_known_after_a_restart(tmp_path: Path, store: EventStore) -> None:
    store.take(an_event(), [], NOW)
    store.close()
    again = EventStore.open(tmp_path)

    assert again.take(an_event(), [DANA], NOW) == "digest of one"
    again.close()


def test_events_are_forgotten_when_their_age_alone_refuses_them(store: EventStore) -> None:
    store.take(an_event("old", issued_at=NOW - MAX_AGE), [], NOW)

    assert store.take(an_event("old", issued_at=NOW - MAX_AGE), [], NOW + MAX_AGE) == "digest of old"
    assert store.take(an_event("old", issued_at=NOW - MAX_AGE), [], NOW + MAX_AGE + 1) is None


def test_an_event_whose_cut_offs_cannot_be_kept_is_not_taken(store: EventStore, control: Control) -> None:
    bad = Cut("sub", None, URL, None)  # type: ignore[arg-type]
    for _ in range(2):
        with pytest.raises(sqlite3.IntegrityError):
            store.take(an_event(), [DANA, bad], NOW)
    assert in_force(control) == []

    assert store.take(an_event(), [DANA], NOW) is None
    assert in_force(control) == [DANA]


@pytest.mark.parametrize(
    ("befores", "left"),
    [
        ([5.0, 6.0], [6.0]),
        ([6.0, 5.0], [6.0]),
        ([5.0, 5.0], [5.0]),
        ([5.0, None], [None]),
        ([None, 5.0], [None]),
        ([None, None], [None]),
        ([5.0, 7.0, None, 6.0], [None]),
    ],
)
def test_one_cut_off_of_a_transmitter_is_in_force_for_each_identifier(
    store: EventStore, control: Control, befores: list[float | None], left: list[float | None]
) -> None:
    for number, before in enumerate(befores):
        store.take(an_event(str(number)), [DANA._replace(before=before)], NOW)

    assert [cut.before for cut in in_force(control)] == left


def test_all_cut_offs_of_one_event_are_made(store: EventStore, control: Control) -> None:
    store.take(
        an_event(), [DANA._replace(before=5.0), DANA, DANA._replace(issuer=URL), DANA._replace(claim="sub")], NOW
    )

    assert in_force(control) == [DANA, DANA._replace(issuer=URL), DANA._replace(claim="sub")]


def test_an_operators_cut_off_stands_beside_a_transmitters(store: EventStore, control: Control) -> None:
    control.add("email", "dana@example.com", issuer="", before=None, reason="left", by="operator", now=NOW)
    store.take(an_event(), [DANA], NOW)
    store.take(an_event("two", issuer="https://other.example"), [DANA], NOW)
    assert in_force(control) == [DANA, DANA, DANA]

    control.lift(1, by="operator", now=NOW)
    assert len(in_force(control)) == 2


def test_what_a_transmitter_lifted_by_a_later_event_is_told(store: EventStore, control: Control) -> None:
    store.take(an_event(), [DANA._replace(before=5.0)], NOW)
    store.take(an_event("two"), [DANA], NOW + 1)

    first, second = control.list()
    assert (first["lifted_by"], first["lifted_at"]) == (f"ssf:{URL}", NOW + 1)
    assert second["lifted_at"] is None


def test_two_who_bring_one_event_at_once_take_it_once(tmp_path: Path, control: Control) -> None:
    stores = [EventStore.open(tmp_path) for _ in range(4)]
    taken: list[str | None] = []
    start = threading.Barrier(len(stores))

    def take(store: EventStore) -> None:
        start.wait()
        taken.append(store.take(an_event(), [DANA], NOW))

    threads = [threading.Thread(target=take, args=[store]) for store in stores]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for store in stores:
        store.close()

    assert sorted(taken, key=str) == [None, *["digest of one"] * 3]
    assert in_force(control) == [DANA]


def test_tables_of_another_shape_are_not_ours(tmp_path: Path) -> None:
    connection = sqlite3.connect(tmp_path / "control.db")
    connection.execute("CREATE TABLE events (name TEXT)")
    connection.close()

    with pytest.raises(ConfigError, match="cannot be opened"):
        EventStore.open(tmp_path)
