"""What is found in source code of the standard library: as it is, and without the lines that name its authors."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable

import corpora
from figures import Figure, Goal, Options, figure
from subjects import BEST, STOCK, subject

SIZE = 120_000
MOST = 10
"""Of false ones: what is found in lines that name authors is true."""

_CREDITS = re.compile(
    r"(?im)^.*(?:@|author|credits|copyright|maintainer|written by|refactoring by|bug|for (?:his|her|an|the)\b|, by ).*$"
)
"""Lines that name people: what is found in them is true."""


def run(progress: Callable[[str], None], options: Options) -> list[Figure]:
    source = corpora.source(SIZE)
    sources = {"": source, ", its authors left out": _CREDITS.sub("", source)}
    figures: list[Figure] = []
    for what, text in sources.items():
        counts: dict[str, int] = {}
        for name in (*options.ner, STOCK):
            progress(f"findings in source code{what}, {name}")
            found = Counter(entity for part in corpora.pieces(text) for *_, entity in subject(name)(part))
            counts[name] = found.total()
            if options.say:
                options.say(f"{name}, in source code{what}: {dict(found)}")
        for name in options.ner:
            title = f"findings in 120 kB of standard library{what}, {name}"
            goal = Goal(MOST, least=False) if what and name == BEST else None
            figures.append(figure(title, "count", [counts[name]], [counts[STOCK]], goal))
    return figures
