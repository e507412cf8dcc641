"""Generated credentials, each where such a thing stands: how many are found whole, ours beside stock Presidio.

Whole means that every character of what is secret in it lies in some finding.
"""

from __future__ import annotations

import json
import random
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from figures import Figure, Goal, Options, figure
from subjects import STOCK, Span, Subject, subject
from vendors import DISTINCT, NAMED, blocks, made

PLACES: Mapping[str, str] = {
    "bare": "{value}",
    "quoted": 'client = Client("{value}")',
    "prose": "Hi, the job fails since Monday. I use {value} and nothing else was changed, can you have a look?",
    "URL": "GET https://api.example.com/v1/items?page=2&key={value}&sort=name",
    "environment": "export PORT=8080\nexport {name}={value}\nexport DEBUG=1",
    "JSON": '{{"region": "eu", "{lower}": "{value}", "retries": 3}}',
    "YAML": "service:\n  port: 8080\n  {lower}: {value}\n  replicas: 2",
    "prose with its name": "For now {name} is {value}, please change it after the demo.",
}
"""Where it stands → a text with it."""
NEED_NO_NAME = ("bare", "quoted", "prose", "URL")
COPIES = 3


def cases(copies: int = COPIES) -> Iterator[tuple[str, str, str, str]]:
    """Format, place, text, and the secret in it."""
    chance = random.Random(20)
    for formats, places in ((DISTINCT, PLACES), (NAMED, [place for place in PLACES if place not in NEED_NO_NAME])):
        for name, shape in formats.items():
            for place in places:
                if place == "URL" and "://" in shape:
                    continue  # it is a URL itself
                for _ in range(copies):
                    value, secret = made(shape, chance)
                    yield name, place, PLACES[place].format(name=name, lower=name.lower(), value=value), secret
    for _ in range(copies):
        for name, block in blocks(chance).items():
            yield name, "block", f"This is my key:\n{block}\nIs it any good?", block
            escaped = json.dumps(block)[1:-1]
            yield name, "JSON", json.dumps({"key": block}), escaped


def whole(text: str, secret: str, found: Sequence[Span]) -> bool:
    start = text.index(secret)
    covered = {at for first, end, _ in found for at in range(first, end)}
    return covered.issuperset(range(start, start + len(secret)))


def missed(find: Subject) -> Counter[tuple[str, str]]:
    """Format and place of those that are not found whole."""
    return Counter((name, place) for name, place, text, secret in cases() if not whole(text, secret, find(text)))


def shares(lost: Counter[tuple[str, str]]) -> Mapping[str, float]:
    """Of all, and by place: how many are found whole."""
    there = Counter(place for _, place, *_ in cases())
    gone: Counter[str] = Counter()
    for (_, place), count in lost.items():
        gone[place] += count
    return {"all": 1 - gone.total() / there.total()} | {place: 1 - gone[place] / there[place] for place in there}


def run(progress: Callable[[str], None], options: Options) -> list[Figure]:
    """Rules alone find secrets, so the setting does not matter."""
    progress("generated secrets")
    lost = missed(subject("none"))
    if options.say:
        for name, count in Counter(name for name, _ in lost.elements()).most_common():
            options.say(f"missed: {name} {count} times")
    ours, stock = shares(lost), shares(missed(subject(STOCK)))
    formats = len(DISTINCT) + len(NAMED) + len(blocks(random.Random()))
    return [
        figure(
            f"secrets of {formats} formats found whole" if place == "all" else f"of these, {place}",
            "share",
            [share],
            [stock[place]],
            Goal(0.95) if place == "all" else None,
        )
        for place, share in ours.items()
    ]
