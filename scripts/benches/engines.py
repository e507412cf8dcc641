"""Our engine beside stock Presidio with the same spaCy model: speed on prose and on source code, and what is found."""

from __future__ import annotations

import argparse as _argparse
import random
import re
import string
import subprocess as _subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import tldextract.tldextract
from figures import Figure, figure
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

from weighlock import rulefile
from weighlock.adapters.inspector.engine import Engine
from weighlock.adapters.inspector.models import SPACY
from weighlock.detection import rules
from weighlock.detection.samples import filled
from weighlock.model import Role, Text

RUNS = 5
ROOT = Path(__file__).parents[2]
NAMES = ("Maria Lopez", "John Carter", "Aisha Khan", "Peter Novak", "Laura Rossi")
VERBS = ("reviewed", "approved", "returned", "forwarded", "questioned", "delayed")
THINGS = ("the invoice", "a shipment of spare parts", "the quarterly report", "last week's order", "the new contract")


def prose(size: int, seed: int) -> str:
    chance = random.Random(seed)
    text = ""
    while len(text) < size:
        who = chance.choice(NAMES) if chance.random() < 0.2 else "The team"
        text += f"{who} {chance.choice(VERBS)} {chance.choice(THINGS)} on a quiet morning, and nobody asked why. "
    return text[:size]


def source(size: int) -> str:
    modules = (_argparse, _subprocess, string, random, re)
    return "".join(Path(str(module.__file__)).read_text() for module in modules)[:size]


def stock() -> Callable[[str], int]:
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)  # never online
    configuration = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": SPACY}]}
    analyzer = AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=configuration).create_engine())
    return lambda text: len(analyzer.analyze(text, "en", score_threshold=0.4))


def ours() -> tuple[Callable[[str], int], Callable[[str], int], rules.RuleSet]:
    """With NER, and with patterns alone."""
    files = {path.relative_to(ROOT / "rules").as_posix(): path for path in (ROOT / "rules" / "detect").rglob("*.yaml")}
    ruleset = rules.rule_set({name: rulefile.parse(path.read_text(), name) for name, path in files.items()})
    engine = Engine(bytes(32))
    engine.use(ruleset.rules)
    return (
        lambda text: len(engine.inspect([Text("/x", Role.CONTENT, text)])),
        lambda text: len(engine.inspect([Text("/x", Role.PARAMETER, text)])),
        ruleset,
    )


def secrets(ruleset: rules.RuleSet, per_rule: int) -> Iterator[str]:
    """Sample secrets of every secret rule, in a sentence each, made up from a seed."""
    chance = random.Random(1)
    for rule in ruleset.rules:
        if "secret" in rule.tags:
            for number in range(per_rule):
                sample = filled(rule.match[number % len(rule.match)], chance)
                yield f"In the log we saw this: {sample} and then the job went on."


def _speed(scan: Callable[[str], int], text: str) -> float:
    began = time.perf_counter()
    scan(text)
    return len(text) / 1000 / (time.perf_counter() - began)


def run(progress: Callable[[str], None]) -> list[Figure]:
    progress("loading both engines")
    theirs, (full, patterns, ruleset) = stock(), ours()
    code = source(60_000)
    speeds: dict[str, list[float]] = {"prose": [], "prose stock": [], "code": [], "code stock": [], "patterns": []}
    for warm in (theirs, full, patterns):
        warm(prose(5_000, 0))
    for turn in range(RUNS):
        progress(f"round {turn + 1} of {RUNS}")
        text = prose(30_000, turn + 1)
        speeds["prose stock"].append(_speed(theirs, text))
        speeds["prose"].append(_speed(full, text))
        speeds["code stock"].append(_speed(theirs, code[:20_000]))
        speeds["code"].append(_speed(full, code[:20_000]))
        speeds["patterns"].append(_speed(patterns, code))
    progress("counting findings")
    samples = list(secrets(ruleset, 8))
    found = sum(patterns(sample) > 0 for sample in samples) / len(samples)
    found_by_stock = sum(theirs(sample) > 0 for sample in samples) / len(samples)
    return [
        figure("prose, NER and patterns, one core", "kB/s", speeds["prose"], speeds["prose stock"]),
        figure("source code, NER and patterns, one core", "kB/s", speeds["code"], speeds["code stock"]),
        figure("source code, patterns alone, one core", "kB/s", speeds["patterns"], speeds["code stock"]),
        figure("findings in 60 kB of standard library", "count", [full(code)], [theirs(code)]),
        figure("findings in it, patterns alone", "count", [patterns(code)], [theirs(code)]),
        figure("generated secrets with any finding", "share", [found], [found_by_stock]),
    ]
