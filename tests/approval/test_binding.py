from __future__ import annotations

import itertools
from dataclasses import replace

import pytest

from builders import a_destination
from weighlock.approval.binding import binding
from weighlock.destination import Destination
from weighlock.model import Outbound

OUT = Outbound("POST", "/v1/chat", (("host", "llm.example"), ("accept", "a")), b'{"a":"b"}')
BECAUSE = ("large", "people")
PLACE = a_destination()


def digest(
    place: Destination = PLACE,
    out: Outbound = OUT,
    workload: str = "nightly",
    because: tuple[str, ...] = BECAUSE,
    model: str = "small",
) -> str:
    return binding(place, out, model, workload, because)


OTHERS = {
    "a byte of the body": digest(out=replace(OUT, body=b'{"a":"c"}')),
    "a byte more": digest(out=replace(OUT, body=OUT.body + b" ")),
    "no body": digest(out=replace(OUT, body=b"")),
    "a header's value": digest(out=replace(OUT, headers=(("host", "llm.example"), ("accept", "b")))),
    "a header's name": digest(out=replace(OUT, headers=(("host", "llm.example"), ("accepts", "a")))),
    "a header's spelling": digest(out=replace(OUT, headers=(("Host", "llm.example"), ("accept", "a")))),
    "a header more": digest(out=replace(OUT, headers=(*OUT.headers, ("x", "")))),
    "a header less": digest(out=replace(OUT, headers=OUT.headers[:1])),
    "the headers' order": digest(out=replace(OUT, headers=OUT.headers[::-1])),
    "a header cut elsewhere": digest(out=replace(OUT, headers=(("host", "llm.example"), ("accep", "ta")))),
    "the path": digest(out=replace(OUT, path="/v1/chat/")),
    "the query": digest(out=replace(OUT, path="/v1/chat?x")),
    "the method": digest(out=replace(OUT, method="PUT")),
    "method and path cut elsewhere": digest(out=replace(OUT, method="POST/", path="v1/chat")),
    "the host": digest(a_destination(host="llm.example.org")),
    "the port": digest(a_destination(port=8443)),
    "the destination's name": digest(a_destination(name="other")),
    "the model": digest(model="large"),
    "the workload": digest(workload="nightlx"),
    "workload and reason cut elsewhere": digest(workload="nightlylarge", because=("people",)),
    "a reason less": digest(because=("large",)),
    "a reason more": digest(because=(*BECAUSE, "x")),
    "no reason": digest(because=()),
    "reasons run together": digest(because=("largepeople",)),
    "surrogates for bytes": digest(out=replace(OUT, headers=(("host", "\udcff"),))),
}


@pytest.mark.parametrize("what", OTHERS)
def test_one_change_makes_another_binding(what: str) -> None:
    assert OTHERS[what] != digest()


def test_no_two_changes_make_the_same_binding() -> None:
    assert all(a != b for a, b in itertools.combinations(OTHERS.values(), 2))


def test_the_same_things_make_the_same_binding_in_any_order_of_reasons() -> None:
    assert digest() == digest(because=BECAUSE[::-1])
    assert len(bytes.fromhex(digest())) == 32


def test_reasons_cannot_pass_for_a_destination() -> None:
    named = a_destination(name="x", host="y")

    assert digest(named, because=("a",)) != digest(a_destination(name="a", host="x"), because=())
