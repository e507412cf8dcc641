"""What is one's own is found by the engine: in every view, and in each segment for itself."""

from __future__ import annotations

import base64
from pathlib import Path

import pytest

from weighlock.adapters.inspector.engine import Engine
from weighlock.adapters.material import MaterialWatch
from weighlock.adapters.stores import material
from weighlock.detection.exact import beginning, normal, shape
from weighlock.detection.material import CODE, Kind, Label, bitmap, hashes, subkey
from weighlock.detection.shingles import telling
from weighlock.model import Level, Role, Text
from weighlock.segments import split

KEY = bytes(32)
OWN = "".join(
    f"def settle_{name}(invoice, ledger):\n"
    f"    for {name} in sorted(invoice.{name}s, key=lambda {name}: {name}.due):\n"
    f"        # nothing is booked for a {name} that somebody with a good word has put off until later on\n"
    f"        if {name}.amount > invoice.tolerance: ledger.debit(invoice.customer, {name}.amount)\n"
    for name in ("position", "discount", "reminder")
)


@pytest.fixture
def engine(tmp_path: Path) -> Engine:
    value = normal("QX-7734-B")
    begins = bitmap(hashes(subkey(KEY, Kind.RECORD), [beginning(value).encode()]))
    crm = Label(Kind.RECORD, "crm", "CUSTOMER_ID", Level.HIGH, "", (shape(value),), begins)
    with material.locked(tmp_path):
        material.write(tmp_path, KEY, crm, hashes(subkey(KEY, Kind.RECORD), [value.encode()]))
        acme = Label(Kind.FINGERPRINT, "acme", CODE, Level.HIGH, "")
        material.write(tmp_path, KEY, acme, telling(OWN, subkey(KEY, Kind.FINGERPRINT)))
    engine = Engine(KEY, "none")
    engine.know(MaterialWatch(tmp_path, KEY).current().files)
    return engine


def content(text: str) -> Text:
    return Text("/x", Role.CONTENT, text)


def test_findings_lie_in_one_segment_each_and_are_the_same_wherever_that_stands(engine: Engine) -> None:
    segments, start = split(OWN), 0
    found = engine.inspect([content(OWN)])

    assert {finding.rule for finding in found} == {"fingerprint-acme"}
    assert len(segments) > 1
    for segment in segments:
        here = [finding for finding in found if start <= finding.start < start + len(segment)]
        alone = engine.inspect([content(segment)])
        assert [(f.start - start, f.end - start, f.score) for f in here] == [(f.start, f.end, f.score) for f in alone]
        start += len(segment)


@pytest.mark.parametrize(
    "shown",
    [
        lambda text: base64.b64encode(text.encode()).decode(),
        lambda text: text.encode().hex(),
        lambda text: "".join(f"&#{ord(char)};" for char in text),
        lambda text: "\u200b".join(text),
        lambda text: text.replace("e", "\N{CYRILLIC SMALL LETTER IE}"),
    ],
    ids=["base64", "hex", "entities", "zero-width", "look-alikes"],
)
@pytest.mark.parametrize(
    ("own", "rule"), [(OWN, "fingerprint-acme"), ("customer QX-7734-B, please", "record-crm")], ids=["code", "record"]
)
def test_it_is_found_in_what_hides_it(engine: Engine, shown: object, own: str, rule: str) -> None:
    assert rule in {finding.rule for finding in engine.inspect([content(f"See {shown(own)} there.")])}  # type: ignore[operator]


def test_a_label_that_is_forgotten_is_found_no_more(engine: Engine) -> None:
    engine.know({})

    assert engine.inspect([content(OWN + " QX-7734-B")]) == []


@pytest.mark.parametrize("role", Role)
def test_it_is_looked_for_in_every_kind_of_text(engine: Engine, role: Role) -> None:
    assert [finding.entity for finding in engine.inspect([Text("/x", role, "id QX-7734-B")])] == ["CUSTOMER_ID"]
