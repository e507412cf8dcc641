from __future__ import annotations

import datetime
import json
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
from click.testing import CliRunner

from ledgers import NOON, ledger_file
from weighlock.adapters.anchoring import Anchoring, read_anchors
from weighlock.adapters.keys import Keys
from weighlock.adapters.stores import receipts
from weighlock.adapters.stores.ledgerfile import NAME
from weighlock.adapters.stores.ledgerwriter import LedgerWriter, Prepared
from weighlock.adapters.stores.receipts import Receipt, Receipts
from weighlock.cli import main
from weighlock.errors import ConfigError, Unavailable
from weighlock.ledger import entry
from weighlock.ledger.anchors import notes
from weighlock.ledger.checkpoint import Signer
from weighlock.ledger.entry import Kind
from witnessing import OWN, Authority, free_port, running

OWN_LOG = Signer("other", b"o" * 32).verifier
ENTRY = (Kind.CONTROL, entry.control_body("more"), {})


class Place:
    """A ledger whose newest entry is of NOON, and a clock that says how much later it is."""

    def __init__(self, tmp_path: Path) -> None:
        self.folder, self.state = tmp_path, tmp_path / "state"
        self.keys: Keys = ledger_file(self.state, [ENTRY] * 3)
        self.told: list[tuple[str, str]] = []
        self.later = 0.0

    def write(self, count: int, at: float = NOON) -> None:
        writer = LedgerWriter(self.state / NAME, self.keys.signer, lambda: at)
        writer.write([Prepared(ENTRY[0], ENTRY[1], {})] * count, sign=True)
        writer.close()

    def anchored(self, anchors: str, *, needed: int = 1, late: str = "refuse") -> Anchoring:
        self.file = self.folder / "anchors.yaml"
        self.file.write_text(f"needed: {needed}\nwithin: 1h\nlate: {late}\nanchors:\n{anchors}")
        listed = read_anchors(self.file)
        verifier, told = self.keys.signer.verifier, lambda *said: self.told.append(said)
        return Anchoring(self.state, listed, verifier, told, lambda: NOON + self.later)

    def shown(self) -> dict[str, object]:
        words = ["ledger", "anchors", "--anchors", str(self.file), "--state", str(self.state), "--json"]
        found: dict[str, object] = json.loads(CliRunner().invoke(main, words).stdout)
        return found

    def verified(self) -> tuple[int, str]:
        words = ["ledger", "verify", "--anchors", str(self.file), "--state", str(self.state)]
        done = CliRunner().invoke(main, words)
        return done.exit_code, done.stdout


@pytest.fixture
def place(tmp_path: Path) -> Place:
    return Place(tmp_path)


@pytest.fixture
def witness(place: Place) -> Iterator[str]:
    home = place.folder / "witness"
    home.mkdir()
    with running(home, [place.keys.signer.verifier]) as url:
        yield f"  - {{id: witness, kind: witness, url: '{url}', key: '{OWN.cosigner.text}'}}\n"


@pytest.fixture
def authority(place: Place) -> Iterator[Authority]:
    made = Authority(place.folder / "authority")
    yield made
    made.stop()


def stamped(authority: Authority) -> str:
    return f"  - {{id: stamp, kind: timestamp, url: '{authority.url}', authorities: '{authority.roots}'}}\n"


def filed(place: Place) -> str:
    return f"  - {{id: file, kind: file, path: '{place.folder / 'kept'}'}}\n"


async def test_every_kind_of_anchor_keeps_what_the_ledger_signs(
    place: Place, witness: str, authority: Authority
) -> None:
    anchoring = place.anchored(witness + stamped(authority) + filed(place), needed=3)
    for _ in range(3):
        await anchoring.round()
        place.write(5)
    await anchoring.round()
    await anchoring.look()
    anchoring.require()

    assert place.told == []
    assert place.shown() | {"waits": 0} == {
        "entries": 18,
        "needed": 3,
        "within": 3600.0,
        "waits": 0,
        "late": False,
        "anchors": [
            {"anchor": id, "kind": kind, "entries": 18, "newest": "2026-01-01T12:00:00.000Z", "fails": ""}
            for id, kind in (("witness", "witness"), ("stamp", "timestamp"), ("file", "file"))
        ],
    }
    code, said = place.verified()
    assert (code, said.startswith("ok: 18 entries")) == (0, True)
    assert len(notes((place.folder / "kept").read_text())) == 4
    anchoring.close()


async def test_a_ledger_that_was_written_anew_is_contradicted_by_every_anchor(
    place: Place, witness: str, authority: Authority
) -> None:
    early = (place.state / NAME).read_bytes()
    place.write(5)
    anchoring = place.anchored(witness + stamped(authority) + filed(place), late="warn")
    await anchoring.round()
    anchoring.close()
    (place.state / NAME).write_bytes(early)
    place.write(9, NOON + 100)

    code, said = place.verified()
    assert (code, "forked" in said) == (1, True)
    (place.state / receipts.NAME).unlink()  # with the host, whoever owns it
    again = place.anchored(witness + filed(place))
    await again.round()
    await again.look()
    assert [event for event, _ in place.told] == ["anchor-contradicts", "anchor-contradicts"]
    again.close()


async def test_late_anchors_refuse_what_is_new_and_recover_by_themselves(place: Place) -> None:
    home, port = place.folder / "witness", free_port()
    home.mkdir()
    url = f"http://127.0.0.1:{port}"
    anchoring = place.anchored(f"  - {{id: witness, kind: witness, url: '{url}', key: '{OWN.cosigner.text}'}}\n")
    await anchoring.round()
    await anchoring.look()
    anchoring.require()  # within the hour

    place.later = 3700
    await anchoring.look()
    with pytest.raises(Unavailable, match="anchors-late"):
        anchoring.require()
    assert "does not answer" in str(place.shown()["anchors"])
    with running(home, [place.keys.signer.verifier], port):
        assert await anchoring.give(read_anchors(place.file).listed[0])
    await anchoring.look()
    anchoring.require()

    assert place.told == [("anchors-late", "1 of 1 anchors within 3600 s"), ("anchors-in-time", place.told[0][1])]
    place.later = 10 * 3600  # nothing was written since: nothing is late
    await anchoring.look()
    anchoring.require()
    anchoring.close()


async def test_where_it_is_only_to_warn_all_goes_on(place: Place) -> None:
    anchoring = place.anchored(filed(place).replace("kept", "no/such/folder"), late="warn")
    place.later = 3700
    await anchoring.round()
    await anchoring.look()
    anchoring.require()

    assert [event for event, _ in place.told] == ["anchors-late"]
    assert (
        CliRunner()
        .invoke(main, ["ledger", "anchors", "--anchors", str(place.file), "--state", str(place.state)])
        .exit_code
        == 1
    )
    anchoring.close()


async def test_a_witness_that_does_not_know_the_ledger_says_what_to_do(place: Place, tmp_path: Path) -> None:
    home = tmp_path / "witness"
    home.mkdir()
    with running(home, [OWN_LOG]) as url:
        anchoring = place.anchored(f"  - {{id: witness, kind: witness, url: '{url}', key: '{OWN.cosigner.text}'}}\n")
        await anchoring.round()

    assert "start it with --log" in str(place.shown()["anchors"])
    anchoring.close()


@pytest.mark.parametrize("spoilt", [b"no time-stamp", b"", b"\x30\x03\x02\x01\x02"], ids=["text", "empty", "refused"])
async def test_what_is_no_time_stamp_is_not_taken_for_one(place: Place, authority: Authority, spoilt: bytes) -> None:
    authority.spoilt = spoilt or b" "
    anchoring = place.anchored(stamped(authority))
    await anchoring.round()

    (one,) = place.shown()["anchors"]  # type: ignore[misc]
    assert one["entries"] == 0
    assert "time-stamp" in one["fails"]
    anchoring.close()


async def test_a_time_stamp_is_of_one_checkpoint_and_one_question(place: Place, authority: Authority) -> None:
    anchoring = place.anchored(stamped(authority))
    await anchoring.round()
    authority.again = True
    place.write(2)
    await anchoring.round()

    (one,) = place.shown()["anchors"]  # type: ignore[misc]
    assert one["entries"] == 3
    assert "time-stamp" in one["fails"]
    anchoring.close()


async def test_a_time_stamp_of_an_authority_that_nobody_vouches_for_is_not_taken(
    place: Place, authority: Authority
) -> None:
    other = Authority(place.folder / "other")
    other.stop()
    anchoring = place.anchored(stamped(authority).replace(str(authority.roots), str(other.roots)))
    await anchoring.round()

    assert "time-stamp" in str(place.shown()["anchors"])
    anchoring.close()


async def test_a_time_stamp_of_an_authority_whose_time_was_over_is_not_taken(place: Place) -> None:
    old = Authority(place.folder / "old", good_for=datetime.timedelta(days=-1))
    anchoring = place.anchored(stamped(old))
    await anchoring.round()
    old.stop()

    assert "time-stamp" in str(place.shown()["anchors"])
    anchoring.close()


async def test_what_an_anchor_gave_is_checked_by_a_verification(
    place: Place, witness: str, authority: Authority
) -> None:
    anchoring = place.anchored(witness + stamped(authority), needed=2)
    await anchoring.round()
    anchoring.close()
    database = sqlite3.connect(place.state / receipts.NAME)
    database.execute("UPDATE receipts SET receipt = CAST(upper(hex(receipt)) AS BLOB) WHERE anchor = 'witness'")
    database.execute("UPDATE receipts SET receipt = x'3003020100' WHERE anchor = 'stamp'")
    database.commit()
    database.close()

    code, said = place.verified()
    assert code == 1
    assert "of anchor witness: not cosigned" in said
    assert "of anchor stamp: " in said


async def test_a_checkpoint_that_was_torn_off_in_the_file_is_written_again(place: Place) -> None:
    anchoring, kept = place.anchored(filed(place)), place.folder / "kept"
    await anchoring.round()
    with kept.open("a") as file:
        file.write("weighlock\n17\nabc")
    place.write(2)
    await anchoring.round()

    assert [note.split("\n")[1] for note in notes(kept.read_text())] == ["3", "5"]
    assert place.verified()[0] == 0
    anchoring.close()


async def test_a_file_with_anything_else_in_it_is_not_written_to(place: Place) -> None:
    kept = place.folder / "kept"
    kept.write_text("the shopping list\n")
    anchoring = place.anchored(filed(place))
    await anchoring.round()

    assert kept.read_text() == "the shopping list\n"
    assert "not of this ledger" in str(place.shown()["anchors"])
    anchoring.close()


def test_of_every_hour_the_newest_receipt_is_kept(tmp_path: Path) -> None:
    kept = Receipts.open(tmp_path)
    for minute in range(0, 180, 10):
        kept.keep(Receipt("one", minute + 1, NOON + 60 * minute, "note", b""))
    kept.keep(Receipt("other", 1, NOON, "note", b""))

    assert [(found.anchor, found.size) for found in kept.all()] == [
        ("one", 51),
        ("one", 111),
        ("one", 171),
        ("other", 1),
    ]
    kept.close()


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ("needed: 2\nwithin: 1h\nlate: warn\nanchors: [{id: a, kind: file, path: /a}]", "not between 1 and 1"),
        ("needed: 1\nwithin: 30s\nlate: warn\nanchors: [{id: a, kind: file, path: /a}]", "see their 'every'"),
        ("needed: 1\nwithin: 0s\nlate: warn\nanchors: [{id: a, kind: file, path: /a}]", "longer than nothing"),
        ("needed: 1\nwithin: 1h\nlate: never\nanchors: [{id: a, kind: file, path: /a}]", "one of: warn, refuse"),
        ("needed: 1\nwithin: 1h\nlate: warn\nanchors: []", "from 1 to 20"),
        ("needed: 1\nwithin: 1h\nlate: warn\nanchors: [{id: a, kind: fil, path: /a}]", "did you mean 'file'"),
        ("needed: 1\nwithin: 1h\nlate: warn\nanchors: [{id: a, kind: file, path: a}]", "an absolute path"),
        ("needed: 1\nwithin: 1h\nlate: warn\nanchors: [{id: a, kind: file, url: 'http://a'}]", "unknown key 'url'"),
        ("needed: 1\nwithin: 1h\nlate: warn\nanchors: [{id: a, kind: witness, url: 'ftp://a', key: k}]", "https URL"),
        ("needed: 1\nwithin: 1h\nlate: warn\nanchors: [{id: a, kind: witness, url: 'http://a', key: k}]", "a witness"),
        ("needed: 1\nwithin: 1h\nlate: warn\nanchors: [{id: a, kind: file, path: /a}, {id: a}]", "'kind' is missing"),
        (
            "needed: 1\nwithin: 1h\nlate: warn\nanchors: [" + ", ".join(["{id: a, kind: file, path: /a}"] * 2) + "]",
            "two anchors 'a'",
        ),
    ],
)
def test_a_file_of_anchors_that_makes_no_sense_is_refused_with_its_place(tmp_path: Path, said: str, wrong: str) -> None:
    file = tmp_path / "anchors.yaml"
    file.write_text(said)

    with pytest.raises(ConfigError, match=wrong) as caught:
        read_anchors(file)
    assert str(file) in str(caught.value)
