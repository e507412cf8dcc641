"""Seven values in 36 disguises: how many are found as what they are, ours beside stock Presidio.

The disguises are those of the test suite; half of the value must be covered by findings of its entity.
"""

from __future__ import annotations

from collections.abc import Callable

from figures import Figure, Goal, Options, figure
from subjects import BEST, STOCK, Subject, subject

from detection.evasions import EVASIONS, VALUES, values

SEEDS = (1, 2, 3)
"""Of values of the same kinds, besides those that the disguises were first tried with."""
LEAST = 225


def found(find: Subject, entity: str, sentence: str, value: str, evasion: str) -> bool:
    hidden = EVASIONS[evasion](value)
    text = sentence.replace("{}", hidden)
    shown = value if value in text else hidden
    start = text.index(shown)
    end = start + len(shown)
    covered = {
        at for first, last, name in find(text) if name == entity for at in range(max(first, start), min(last, end))
    }
    return 2 * len(covered) >= end - start


def count(find: Subject, seed: int) -> int:
    chosen = values(seed) if seed else VALUES
    return sum(found(find, entity, *chosen[entity], evasion) for entity in chosen for evasion in EVASIONS)


def run(progress: Callable[[str], None], options: Options) -> list[Figure]:
    of = f"of {len(VALUES) * len(EVASIONS)} evasions found"
    progress(f"evasions, {STOCK}")
    stock = [count(subject(STOCK), seed) for seed in (0, *SEEDS)]
    figures = []
    for name in options.ner:
        progress(f"evasions, {name}")
        goal = Goal(LEAST) if name == BEST else None
        figures.append(figure(f"{of}, {name}", "count", [count(subject(name), 0)], stock[:1], goal))
    name = options.ner[-1]
    others = [count(subject(name), seed) for seed in SEEDS]
    return [*figures, figure(f"{of}, other values, {name}", "count", others, stock[1:], Goal(LEAST))]
