"""An index says nothing of what it holds, comes back as it was written, or not at all."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from weighlock.adapters.inspector.material import MaterialSearch
from weighlock.adapters.material import MaterialWatch
from weighlock.adapters.stores import material
from weighlock.detection.exact import beginning, normal, shape
from weighlock.detection.material import Folded, Kind, Label, bitmap, hashes, places, subkey
from weighlock.detection.shingles import telling
from weighlock.errors import ConfigError, Unavailable
from weighlock.model import Level

KEY = bytes(range(32))
TEXT = "Whoever tends the upper gate shall count the barges that pass it, and tell the keeper of the lower gate. "
VALUES = ("cust4711", "annaberg")
BEGINNINGS = bitmap(hashes(subkey(KEY, Kind.RECORD), (beginning(value).encode() for value in VALUES)))
CRM = Label(Kind.RECORD, "crm", "CUSTOMER_ID", Level.HIGH, "2026-01-01", tuple(map(shape, VALUES)), BEGINNINGS)
ACME = Label(Kind.FINGERPRINT, "acme", "DOCUMENT", Level.MEDIUM, "2026-01-01")


def records(*values: str) -> np.ndarray:  # type: ignore[type-arg]
    return hashes(subkey(KEY, Kind.RECORD), (normal(value).encode() for value in values))  # type: ignore[no-any-return]


def put(state: Path, label: Label, index: object) -> Path:
    with material.locked(state):
        material.write(state, KEY, label, index)
    return material.place(state, label.kind, label.name)


@pytest.fixture
def state(tmp_path: Path) -> Path:
    put(tmp_path, CRM, records("CUST-4711", "Anna Berg"))
    put(tmp_path, ACME, telling(TEXT, subkey(KEY, Kind.FINGERPRINT)))
    return tmp_path


def searching(state: Path) -> MaterialSearch:
    return MaterialSearch(MaterialWatch(state, KEY).current().files, KEY)


@settings(deadline=None, max_examples=30)
@given(st.lists(st.integers(0, (1 << 64) - 1), max_size=50))
def test_an_index_comes_back_sorted_and_without_repetition(
    tmp_path_factory: pytest.TempPathFactory, values: list[int]
) -> None:
    path = put(tmp_path_factory.mktemp("state"), CRM, np.array(values, "<u8"))

    label, index, _ = material.read(path, KEY)
    assert (label, index.tolist()) == (CRM, sorted(set(values)))


def test_an_index_is_for_the_gateway_alone_and_has_no_plaintext(state: Path) -> None:
    for path in material.files(state):
        data = path.read_bytes().lower()
        assert path.stat().st_mode & 0o777 == 0o600
        for word in (b"cust4711", b"4711", b"anna", b"berg", b"barges", b"keeper"):
            assert word not in data
    assert (state / material.FOLDER).stat().st_mode & 0o777 == 0o700


def test_it_is_worth_nothing_without_the_key(state: Path) -> None:
    with pytest.raises(ConfigError, match="damaged, or of another installation"):
        MaterialWatch(state, bytes(32))
    assert not np.isin(hashes(subkey(bytes(32), Kind.RECORD), [b"cust4711"]), records("CUST-4711")).any()


@pytest.mark.parametrize("at", [0, 9, 41, 60, -1], ids=["magic", "mac", "length", "header", "hash"])
def test_one_bit_that_fell_over_is_noticed(state: Path, at: int) -> None:
    path = material.place(state, CRM.kind, CRM.name)
    data = bytearray(path.read_bytes())
    data[at] ^= 1
    path.write_bytes(data)

    with pytest.raises(ConfigError, match="weighlock records remove crm"):
        material.read(path, KEY)


@pytest.mark.parametrize("size", [0, 5, 41, 60, -8], ids=["empty", "magic", "mac", "header", "short"])
def test_half_an_index_is_none(state: Path, size: int) -> None:
    path = material.place(state, CRM.kind, CRM.name)
    path.write_bytes(path.read_bytes()[:size])

    with pytest.raises(ConfigError, match="damaged"):
        material.read(path, KEY)


def test_the_index_of_one_label_is_not_anothers(state: Path) -> None:
    path = material.place(state, CRM.kind, CRM.name)
    path.rename(material.place(state, CRM.kind, "other"))

    with pytest.raises(ConfigError, match="damaged"):
        MaterialWatch(state, KEY)


def test_an_index_that_others_can_read_is_refused(state: Path) -> None:
    material.place(state, CRM.kind, CRM.name).chmod(0o640)

    with pytest.raises(ConfigError, match="chmod 600"):
        MaterialWatch(state, KEY)


def test_what_is_indexed_is_found_with_its_label_and_share(state: Path) -> None:
    text = f"Please shorten this for cust 4711: {TEXT.lower()}"
    record, document = searching(state).hits(text)

    assert (record.rule, record.entity, record.score) == ("record-crm", "CUSTOMER_ID", 1.0)
    assert text[record.start : record.end] == "cust 4711"
    assert (document.rule, document.entity, document.level) == ("fingerprint-acme", "DOCUMENT", Level.MEDIUM)
    assert 0.5 < document.score < 1
    assert text[document.start : document.end] in TEXT.lower()


def test_what_is_common_is_no_finding_of_any_label(state: Path) -> None:
    common = Label(Kind.COMMON, "public", "DOCUMENT", Level.HIGH, "")
    put(state, common, telling("Said elsewhere: " + TEXT, subkey(KEY, Kind.FINGERPRINT)))

    assert list(searching(state).hits(TEXT)) == []


def test_two_labels_that_hold_the_same_are_both_told(state: Path) -> None:
    other = Label(Kind.FINGERPRINT, "other", "PROPRIETARY_CODE", Level.HIGH, "")
    put(state, other, telling(TEXT, subkey(KEY, Kind.FINGERPRINT)))

    assert {hit.rule for hit in searching(state).hits(TEXT)} == {"fingerprint-acme", "fingerprint-other"}


def test_a_canary_is_seen_among_anything(state: Path) -> None:
    token = "AKIA" + "B2C3D4E5F6G7A2B3"
    label = Label(Kind.CANARY, "drive", "CANARY", Level.CRITICAL, "")
    put(state, label, hashes(subkey(KEY, Kind.CANARY), [Folded(token, digits=True).text.encode()]))

    (hit,) = searching(state).hits(f"xx{token.lower()[:9]} {token[9:]}yy")
    assert (hit.rule, hit.level, hit.tags, hit.start, hit.end) == ("canary-drive", Level.CRITICAL, ("canary",), 2, 23)
    assert not list(searching(state).hits("AKIA" + "B2C3D4E5F6G7A2B4"))


def test_a_change_has_another_digest_and_no_change_the_same(state: Path) -> None:
    watch = MaterialWatch(state, KEY)
    before = watch.current()
    watch.look()
    assert watch.current() is before

    put(state, CRM, records("CUST-4711", "Anna Berg", "Ben Ito"))
    watch.look()
    added = watch.current().digest
    material.remove(state, CRM.kind, CRM.name)
    watch.look()

    assert len({before.digest, added, watch.current().digest}) == 3
    assert list(watch.current().files) == [str(material.place(state, ACME.kind, ACME.name))]


def test_nothing_passes_while_an_index_is_damaged(state: Path, caplog: pytest.LogCaptureFixture) -> None:
    watch = MaterialWatch(state, KEY)
    before, path = watch.current(), material.place(state, CRM.kind, CRM.name)
    good = path.read_bytes()

    path.write_bytes(good[:-1])
    for _ in range(2):
        watch.check()
        with pytest.raises(Unavailable, match="material-unreadable"):
            watch.current()
    assert [record.getMessage().count("record-crm.idx: damaged") for record in caplog.records] == [1]

    path.write_bytes(good)
    watch.check()
    assert watch.current().digest == before.digest


def test_an_inspector_refuses_what_was_changed_behind_its_back(state: Path) -> None:
    files = MaterialWatch(state, KEY).current().files
    put(state, CRM, records("CUST-4712"))

    with pytest.raises(Unavailable, match="material-unreadable"):
        MaterialSearch(files, KEY)


@given(st.lists(st.integers(0, (1 << 64) - 1), max_size=50), st.lists(st.integers(0, (1 << 64) - 1), max_size=50))
def test_a_bitmap_has_the_places_of_its_hashes_and_no_other(one: list[int], other: list[int]) -> None:
    both = places([bitmap(np.array(one, np.uint64)), bitmap(np.array(other, np.uint64))])

    assert set(np.flatnonzero(both).tolist()) == {value >> 48 for value in one + other}
