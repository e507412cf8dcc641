"""How fast one core inspects text that it never saw, ours beside stock Presidio: processor time, in turns."""

from __future__ import annotations

import itertools
import time
from collections.abc import Callable, Mapping

import corpora
from figures import Figure, Goal, Options, figure
from pools import ruleset
from samples import generated
from subjects import BEST, STOCK, Subject, subject

from weighlock.adapters.inspector.prefilter import Prefilter
from weighlock.detection.reading import worth_reading
from weighlock.detection.seen import readable, words
from weighlock.detection.views import views
from weighlock.segments import split

RUNS = 5
SIZE = 12_000
"""Code points of each kind in each round."""
CLEARED = ("source code, cleared", "log", "JSON")
"""Kinds in which there is nothing to find, and which the first pass over them says so of."""


def kinds() -> Mapping[str, list[str]]:
    """Kind → RUNS texts, none like another."""
    people = "\n".join(sample.text for sample in generated())
    whole = SIZE * RUNS
    texts = {
        "prose": list(itertools.islice(corpora.new_prose(SIZE), RUNS)),
        "prose with people": _parts(people),
        "source code": _parts(corpora.source(whole)),
        "source code, cleared": _parts(cleared(corpora.source(4 * whole), whole)),
        "log": _parts(corpora.log(whole)),
        "JSON": _parts(corpora.records(whole)),
    }
    foreign = [" ".join(corpora.languages().values()) for _ in range(RUNS)]
    return {**texts, "six languages": foreign}


def cleared(text: str, size: int) -> str:
    """What is left of *text* when no segment of a message has a candidate of a rule, nor a model that reads it.

    Up to *size* code points. What is left is cut in other places, so that it is asked again until nothing goes.
    """
    prefilter = Prefilter(ruleset().rules)
    while True:
        parts = [part for piece in corpora.pieces(text) for part in split(piece)]
        kept = [part for part in parts if not prefilter.candidates(part) and not worth_reading(_read(part))]
        text = "".join(kept)
        if len(kept) == len(parts):
            return text[:size]


def _read(segment: str) -> str:
    """What a model is shown of *segment*."""
    return words(readable(segment, views(segment)).text)


def _parts(text: str) -> list[str]:
    return [text[at * SIZE : (at + 1) * SIZE] for at in range(RUNS)]


def speed(find: Subject, text: str) -> float:
    """In kB/s, of texts as long as a message."""
    parts = corpora.pieces(text)
    began = time.process_time()
    for part in parts:
        find(part)
    return len(text) / 1000 / (time.process_time() - began)


def run(progress: Callable[[str], None], options: Options) -> list[Figure]:
    texts = kinds()
    names = [*options.ner, STOCK]
    speeds: dict[tuple[str, str], list[float]] = {}
    for turn in range(RUNS):
        for kind, name in itertools.product(texts, names):
            progress(f"throughput, round {turn + 1} of {RUNS}: {kind}, {name}")
            speeds.setdefault((kind, name), []).append(speed(subject(name), texts[kind][turn]))
    return [
        figure(f"{kind}, {name}", "kB/s", speeds[kind, name], speeds[kind, STOCK], _goal(kind, name))
        for kind, name in itertools.product(texts, options.ner)
    ]


def _goal(kind: str, name: str) -> Goal | None:
    if name != BEST:
        return None
    if kind in CLEARED:
        return Goal(20, ratio=True)
    return Goal(1.5, ratio=True) if kind == "prose" else None
