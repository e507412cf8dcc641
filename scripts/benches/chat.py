"""A chat that sends all of its history with every turn, beside one that sends each message once: processor time."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence

import corpora
from figures import Figure, Goal, Options, figure
from pools import pool, ruleset, spent
from subjects import STOCK, Subject, subject

from weighlock.model import Role, Text

TURNS, MESSAGE, RUNS = 30, 800, 3
MOST = 1.3


def messages(seed: int) -> list[Text]:
    prose = corpora.text(TURNS * MESSAGE, seed)
    return [Text(f"/{at}", Role.CONTENT, prose[at * MESSAGE : (at + 1) * MESSAGE]) for at in range(TURNS)]


def calls(chat: Sequence[Text], *, resent: bool) -> list[Sequence[Text]]:
    return [chat[: turn + 1] if resent else [chat[turn]] for turn in range(len(chat))]


async def ours(ner: str, chat: Sequence[Text]) -> float:
    """Times the processor time of each message once."""
    taken = []
    for resent in (False, True):
        async with pool(ner) as (made, pids):
            await made.inspect([Text("/warm", Role.CONTENT, "Maria Lopez")], ruleset())
            began = spent(pids)
            for texts in calls(chat, resent=resent):
                await made.inspect(texts, ruleset())
            taken.append(spent(pids) - began)
    return taken[1] / taken[0]


def theirs(find: Subject, chat: Sequence[Text]) -> float:
    taken = []
    for resent in (False, True):
        began = time.process_time()
        for texts in calls(chat, resent=resent):
            for text in texts:
                find(text.value)
        taken.append(time.process_time() - began)
    return taken[1] / taken[0]


def run(progress: Callable[[str], None], options: Options) -> list[Figure]:
    ner = options.ner[-1]
    progress(f"a chat of {TURNS} turns, {STOCK}")
    stock = theirs(subject(STOCK), messages(0))
    times = []
    for turn in range(RUNS):
        progress(f"a chat of {TURNS} turns, {ner}, round {turn + 1} of {RUNS}")
        times.append(asyncio.run(ours(ner, messages(turn))))
    label = f"a chat of {TURNS} turns that resends its history beside each message once, {ner}"
    return [figure(label, "times", times, [stock], Goal(MOST, least=False))]
