"""How long texts take that are made to take long, beside prose of their length: processor time of one core."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable

import corpora
from figures import Figure, Goal, Options, figure
from hostile import HOSTILE
from subjects import Subject, subject

from weighlock.errors import Refused
from weighlock.segments import split

SIZE, LARGE = 40_000, 1_000_000
"""Code points. The worst of all texts is measured at both: what grows faster than its length shows there."""
MOST = 3.0
"""Times as long as prose."""


def seconds(find: Subject, text: str) -> float:
    """A text that is refused costs what it took to refuse it."""
    began = time.process_time()
    with contextlib.suppress(Refused):
        find(text)
    return time.process_time() - began


def run(progress: Callable[[str], None], options: Options) -> list[Figure]:
    name = options.ner[-1]
    find, figures = subject(name), []
    spent = {}
    for text in HOSTILE:
        progress(f"hostile texts, {name}: {text}")
        spent[text] = seconds(find, HOSTILE[text](SIZE))
        if options.say:
            options.say(f"{spent[text]:.2f} s for {SIZE // 1000} kB of {text}")
    goal = Goal(MOST, least=False, ratio=True)
    for size in (SIZE, LARGE):
        worst = max((text for text in HOSTILE if is_read(HOSTILE[text](size))), key=lambda text: spent[text])
        progress(f"hostile texts, {name}: {size // 1000} kB of {worst}, and of prose")
        prose = seconds(find, corpora.text(size))
        label = f"{size // 1000} kB of the worst of {len(HOSTILE)} hostile texts beside prose, {name}"
        figures.append(figure(label, "s", [seconds(find, HOSTILE[worst](size))], [prose], goal))
    return figures


def is_read(text: str) -> bool:
    """Whether it is not refused at once, for having no place to cut."""
    try:
        split(text)
    except Refused:
        return False
    return True
