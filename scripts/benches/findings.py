"""What is found where nothing is: in source code of the standard library."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable

import corpora
from figures import Figure, Goal, Options, figure
from subjects import STOCK, subject

SIZE = 120_000
MOST = 10


def run(progress: Callable[[str], None], options: Options) -> list[Figure]:
    counts: dict[str, int] = {}
    parts = corpora.pieces(corpora.source(SIZE))
    for name in (*options.ner, STOCK):
        progress(f"findings in source code, {name}")
        found = Counter(entity for part in parts for *_, entity in subject(name)(part))
        counts[name] = found.total()
        if options.say:
            options.say(f"{name}, in source code: {dict(found)}")
    return [
        figure(
            f"findings in 120 kB of standard library, {name}",
            "count",
            [counts[name]],
            [counts[STOCK]],
            Goal(MOST, least=False),
        )
        for name in options.ner
    ]
