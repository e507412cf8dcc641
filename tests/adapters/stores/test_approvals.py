"""The store of approvals: what it keeps, that each move is made once, and that it holds no readable prompt."""

from __future__ import annotations

import multiprocessing
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from held import NOW, a_store, an_approval, an_approver, some_terms
from weighlock.adapters.stores import approvals
from weighlock.adapters.stores.approvals import ApprovalStore
from weighlock.approval.lifecycle import Event, decide, move
from weighlock.errors import ConfigError
from weighlock.holds import Approval, ApprovalState, Kind, Limits, Mark, Shown, Terms, Threshold, Way

S = ApprovalState
KEY = bytes(range(32))
PROMPT = (
    Shown("/messages/0/content", "content", "mail <EMAIL_ADDRESS> about canal \ud83d locks", (Mark(5, 20, "X"),)),
)


def stored(store: ApprovalStore, **given: object) -> Approval:
    approval = an_approval(**given)
    assert store.add(approval, PROMPT)
    return approval


names = st.text(st.characters(exclude_categories=("Cs",)), min_size=1, max_size=8)
sets = st.frozensets(names, max_size=3)


@given(
    st.builds(
        an_approval,
        st.sampled_from(ApprovalState),
        persons=sets,
        names=sets,
        because=st.lists(names).map(tuple),
        terms=st.builds(
            Terms,
            st.lists(st.lists(st.builds(Threshold, sets, st.integers(1, 9))).map(tuple)).map(tuple),
            way=st.sampled_from(Way),
            break_glass=sets,
        ),
        kind=st.sampled_from(Kind),
        use_by=st.none() | st.floats(0, 1e10),
        limits=st.none() | st.builds(Limits, st.integers(0), st.integers(0), st.floats(0, 1e6)),
    )
)
def test_an_approval_reads_back_as_it_was(approval: Approval) -> None:
    store = a_store()
    store.add(approval, ())

    assert store.get(approval.id) == approval
    store.close()


def test_decisions_and_reviews_read_back(tmp_path: Path) -> None:
    store = ApprovalStore.open(tmp_path, KEY)
    before = stored(store, terms=some_terms(need=2))
    after = decide(before, an_approver(), True, "r", NOW, max_age=1.0)
    after = replace(after, review=after.decisions[0])
    moved = store.swap(before, after)
    store.close()
    again = ApprovalStore.open(tmp_path, KEY)

    assert moved
    assert again.get(before.id) == moved == replace(after, version=1)
    again.close()


def test_one_request_has_one_open_approval_and_any_number_of_settled_ones() -> None:
    store = a_store()
    first = stored(store)
    assert not store.add(an_approval(id="cd34"), ())
    assert store.swap(first, move(first, Event.CANCEL))

    second = stored(store, id="ef56")
    assert (store.latest("k"), store.open_one("k")) == (second, second)
    assert [one.id for one in store.everything()] == ["ab12", "ef56"]
    store.close()


def test_a_move_of_what_is_not_there_any_more_is_none() -> None:
    store = a_store()
    before = stored(store)
    moved = store.swap(before, move(before, Event.APPROVE))

    assert moved
    assert store.swap(before, move(before, Event.DENY)) is None
    assert store.get(before.id) == moved
    assert (store.pending("nightly"), store.pending("other")) == ((0, 0), (0, 0))
    store.close()


def _consume(state: str) -> bool:
    store = ApprovalStore.open(Path(state), KEY)
    approval = store.latest("k")
    assert approval
    won = approval.state is S.APPROVED and store.swap(approval, move(approval, Event.CONSUME)) is not None
    store.close()
    return won


def test_of_fifty_threads_with_the_file_open_one_takes_it(tmp_path: Path) -> None:
    store = ApprovalStore.open(tmp_path, KEY)
    stored(store, state=S.APPROVED)
    with ThreadPoolExecutor(50) as pool:
        won = list(pool.map(_consume, [str(tmp_path)] * 50))

    assert won.count(True) == 1
    assert store.latest("k") == replace(an_approval(S.CONSUMED), version=1)
    store.close()


def test_of_several_processes_one_takes_it(tmp_path: Path) -> None:
    store = ApprovalStore.open(tmp_path, KEY)
    stored(store, state=S.APPROVED)
    with multiprocessing.get_context("spawn").Pool(3) as pool:
        won = pool.map(_consume, [str(tmp_path)] * 50, chunksize=1)
    store.close()

    assert won.count(True) == 1


def test_a_prompt_is_sealed_and_gone_with_its_approval(tmp_path: Path) -> None:
    store = ApprovalStore.open(tmp_path, KEY)
    approval = stored(store)
    assert store.prompt(approval.id) == PROMPT
    other = ApprovalStore.open(tmp_path, bytes(32))
    assert other.prompt(approval.id) == ()
    with pytest.raises(sqlite3.Error):
        other.get(approval.id)
    other.close()
    assert store.swap(approval, move(approval, Event.DENY))

    assert store.prompt(approval.id) == ()
    store.close()
    files = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    assert b"nightly" in files
    assert b"canal" not in files
    assert b"Too large" not in files


def test_only_what_was_released_is_what_a_workload_sent_last() -> None:
    store = a_store()
    for number, event in enumerate((Event.CANCEL, Event.CONSUME)):
        before = an_approval(S.APPROVED, id=f"a{number}")
        store.add(before, (Shown("/x", "content", f"prompt {number}"),))
        assert store.last_prompt("nightly") == ()
        store.swap(before, move(before, event))

    assert [one.text for one in store.last_prompt("nightly")] == ["prompt 1"]
    store.close()


def test_what_is_out_of_time_is_found_whatever_its_state_allows() -> None:
    store = a_store()
    stored(store, id="a1", key="1", decide_by=10.0)
    stored(store, id="a2", key="2", decide_by=10.0, use_by=20.0, state=S.APPROVED)
    stored(store, id="a3", key="3", decide_by=10.0, state=S.DENIED)

    assert [one.id for one in store.over(9.9)] == []
    assert [one.id for one in store.over(10.0)] == ["a1"]
    assert {one.id for one in store.over(20.0)} == {"a1", "a2"}
    store.close()


def test_old_settled_approvals_make_room_and_open_ones_stay(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(approvals, "KEPT", 3)
    store = ApprovalStore.open(tmp_path, KEY)
    stored(store, id="open", key="open", requested_at=1.0)
    for number in range(8):
        stored(store, id=f"a{number}", key=f"{number}", state=S.DENIED, requested_at=10.0 + number)
    stored(store, id="last", key="last")
    store.close()
    store = ApprovalStore.open(tmp_path, KEY)

    assert [one.id for one in store.everything()] == ["open", "a5", "a6", "a7", "last"]
    store.close()


def test_a_broken_glass_waits_for_its_review_however_much_is_settled(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(approvals, "KEPT", 1)
    store = ApprovalStore.open(tmp_path, KEY)
    terms = some_terms(break_glass=frozenset({"leads"}))
    held = [stored(store, id=id, key=id, terms=terms) for id in ("open", "broken", "reviewed")]
    for before in held[1:]:
        broken = store.swap(before, decide(before, an_approver(), True, "fire", NOW, max_age=1.0, break_glass=True))
        assert broken
        used = store.swap(broken, move(broken, Event.CONSUME))
        assert used
    assert [one.id for one in store.waiting()] == ["open", "broken", "reviewed"]
    assert store.swap(used, replace(used, review=used.decisions[0]))
    for number in range(3):
        stored(store, id=f"a{number}", key=f"{number}", state=S.DENIED, requested_at=NOW + number)

    for at in ("before", "after a restart"):
        assert [one.id for one in store.waiting()] == ["open", "broken"], at
        assert [one.id for one in store.settled(2)] == {"before": ["a2", "a1"]}.get(at, ["a2"]), at
        store.close()
        store = ApprovalStore.open(tmp_path, KEY)
    store.close()


def test_a_table_of_another_shape_is_not_ours(tmp_path: Path) -> None:
    with sqlite3.connect(tmp_path / "control.db") as other:
        other.execute("CREATE TABLE approvals (id TEXT)")
    other.close()

    with pytest.raises(ConfigError, match=r"control\.db"):
        ApprovalStore.open(tmp_path, KEY)
