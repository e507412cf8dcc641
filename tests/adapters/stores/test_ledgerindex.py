from __future__ import annotations

import random
import sqlite3
from collections.abc import Iterator
from itertools import product
from pathlib import Path
from typing import Any

import pytest

from builders import a_finding, a_principal
from held import an_approval
from ledgers import NOON, SIGNER, a_verdict, an_exchange
from weighlock.adapters.stores import ledgerindex
from weighlock.adapters.stores.indexfile import NAME as INDEX
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.ledgerindex import Filter, Index
from weighlock.adapters.stores.ledgerwriter import LedgerWriter, Prepared
from weighlock.errors import Refused
from weighlock.holds import ApprovalState
from weighlock.ledger import entry
from weighlock.ledger.entry import Entry, Kind
from weighlock.ledger.sessions import graver, outcome, session_of, words
from weighlock.model import Action

COUNT = 120


def bodies(chance: random.Random) -> Iterator[tuple[Kind, dict[str, Any]]]:
    """Exchanges under way at once; some held before they begin, some refused, some of nobody known."""
    for number in range(COUNT):
        found = tuple(a_finding(name) for name in ("EMAIL_ADDRESS", "PERSON", "IBAN_CODE") if chance.random() < 0.3)
        verdict = a_verdict(action=chance.choice((Action.ALLOW, Action.MASK, Action.HOLD)))
        principal = a_principal(
            workload=chance.choice(("nightly", "weekly")),
            subject=chance.choice(("repo:one", "repo:two")),
            owner=chance.choice(("dana", "kim")),
            persons=frozenset(chance.sample(("dana", "kim", "robin"), 2)),
            token_id=str(chance.randrange(3)) * 64,
        )
        known = principal if chance.random() < 0.9 else None
        made = an_exchange(id=f"e{number - chance.randrange(3)}", principal=known, findings=found, verdict=verdict)
        reply = entry.response_body(made, status=200, findings=found, verdict=verdict, refused=None)
        made_of = {
            Kind.REQUEST: entry.request_body(made),
            Kind.REFUSAL: entry.refusal_body(made, Refused("token-expired", f"The {number}th expired.")),
            Kind.RESPONSE: reply,
            Kind.APPROVAL: entry.approval_body(an_approval(ApprovalState.PENDING), made.id),
            Kind.CONTROL: entry.control_body("rules-changed", "ten files"),
        }
        kind = chance.choice(list(made_of))
        yield kind, made_of[kind]


@pytest.fixture(scope="module")
def ledger(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("ledger") / NAME
    now = iter(range(COUNT))
    writer = LedgerWriter(path, SIGNER, lambda: NOON + next(now))
    for kind, body in bodies(random.Random(5)):
        writer.write([Prepared(kind, body, {})])
    writer.close()
    return path


def contents(path: Path) -> dict[str, set[tuple[Any, ...]]]:
    """All that does not depend on the order in which rows came."""
    queries = {
        "marks": "SELECT kind, name, exchanges FROM marks WHERE exchanges > 0",
        "marked": "SELECT kind, name, exchange FROM marked JOIN marks ON marks.id = mark",
        "counted": "SELECT kind, name, count(*) FROM marked JOIN marks ON marks.id = mark GROUP BY 1, 2",
        "texts": "SELECT rowid, NULL FROM texts WHERE texts MATCH 'token'",
    }
    queries |= {
        name: f"SELECT * FROM {name}" for name in ("sessions", "exchanges", "entries", "sums", "found", "place")
    }
    connection = sqlite3.connect(path)
    found = {name: set(connection.execute(query)) for name, query in queries.items()}
    connection.close()
    return found


def opened(ledger: Path, folder: Path) -> Any:
    folder.mkdir(exist_ok=True)
    reader = Reader(ledger)
    return Index.open(reader, folder, lambda data, count: data)


@pytest.mark.parametrize("batch", [1, 7, 50])
def test_an_index_is_the_same_however_the_entries_came(
    ledger: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int
) -> None:
    with opened(ledger, tmp_path / "whole"):
        pass
    monkeypatch.setattr(ledgerindex, "BATCH", batch)
    with opened(ledger, tmp_path / "parts"):
        pass

    whole = contents(tmp_path / "whole" / INDEX)
    assert contents(tmp_path / "parts" / INDEX) == whole
    assert whole["marks"] == whole["counted"]
    assert len(whole["entries"]) == COUNT


def matching(ledger: Path) -> dict[str, list[Entry]]:
    """The entries of each exchange that began, by the plain meaning of the words."""
    with Reader(ledger) as reader:
        said = [entry.parse(data) for data in reader.entries()]
    exchanges: dict[str, list[Entry]] = {}
    for one in said:
        if one.kind is not Kind.CONTROL:
            exchanges.setdefault(one.body["exchange"], []).append(one)
    return exchanges


def fits(wanted: Filter, entries: list[Entry]) -> str:
    """The session, if the exchange is *wanted*."""
    first = [one for one in entries if one.kind in (Kind.REQUEST, Kind.REFUSAL)]
    session, who, worst = "", {}, ""
    for one in first:
        if not session:
            session, who = session_of(one.body), one.body.get("who", {})
    for one in entries:
        worst = graver(worst, outcome(one))
    people = {who.get("subject"), who.get("owner"), *who.get("persons", ())}
    fit = (
        (not wanted.workload or who.get("workload") == wanted.workload)
        and (not wanted.principal or wanted.principal in people)
        and (not wanted.entity or any(wanted.entity in one.body.get("entities", {}) for one in entries))
        and (not wanted.outcome or worst == wanted.outcome)
        and (not wanted.since or entries[-1].time >= wanted.since)
        and (not wanted.until or entries[0].time <= wanted.until)
        and (not wanted.text or any(wanted.text in " ".join(words(one.body)) for one in entries))
    )
    return session if fit else ""


FIELDS = {
    "workload": ("", "nightly", "nobody"),
    "principal": ("", "kim", "repo:two"),
    "entity": ("", "PERSON"),
    "outcome": ("", "refused", "mask"),
    "since": ("", entry.timestamp(NOON + 40)),
    "until": ("", entry.timestamp(NOON + 80), entry.timestamp(NOON - 1)),
    "text": ("", "97th", "expired"),
}


def test_every_filter_finds_what_it_says(ledger: Path, tmp_path: Path) -> None:
    exchanges, found = matching(ledger), 0
    with opened(ledger, tmp_path / "index") as index:
        for values in product(*FIELDS.values()):
            wanted = Filter(**dict(zip(FIELDS, values, strict=True)))
            expected = {session for entries in exchanges.values() if (session := fits(wanted, entries))}
            assert {said["session"] for said in index.sessions(wanted, 1000)} == expected, wanted
            found += len(expected)
    assert found > 100


def test_the_newest_sessions_are_listed_and_no_more(ledger: Path, tmp_path: Path) -> None:
    with opened(ledger, tmp_path / "index") as index:
        everything = index.sessions(Filter(), 1000)
        assert index.sessions(Filter(), 2) == everything[-2:]
        assert [said["exchanges"] for said in everything] == [
            len(index.exchanges(said["session"])) for said in everything
        ]
        assert index.session(everything[0]["session"]) == everything[0]


def test_another_ledger_in_its_place_is_indexed_anew(ledger: Path, tmp_path: Path) -> None:
    folder = tmp_path / "index"
    with opened(ledger, folder) as index:
        assert index.sessions(Filter(), 10)
    other = tmp_path / NAME
    writer = LedgerWriter(other, SIGNER, lambda: NOON)
    writer.write([Prepared(Kind.START, entry.control_body("start"), {})])
    writer.close()

    with opened(other, folder) as index:
        assert index.sessions(Filter(), 10) == []
        assert index.newest("start", 5) == [0]
