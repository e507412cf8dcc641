"""Texts with the places of the personal data in them: files of JSON lines, and sentences made up from a seed.

The latter come from presidio-evaluator's generator, with its own templates and its own list of made-up people.
"""

from __future__ import annotations

import contextlib
import io
import json
import random
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from subjects import Span

SENTENCES, SEED = 1500, 42
SYNTHETIC = Path(__file__).parent / "data" / "synthetic.jsonl"
"""Of presidio-research, as data/README.md says."""


@dataclass(frozen=True, slots=True)
class Sample:
    text: str
    spans: tuple[Span, ...]


def read(path: Path) -> list[Sample]:
    """JSON lines, each with `text` and `spans` of `start`, `end` and `entity`."""
    records = [json.loads(line) for line in path.read_text().splitlines()]
    return [
        Sample(record["text"], tuple((span["start"], span["end"], span["entity"]) for span in record["spans"]))
        for record in records
    ]


def generated(count: int = SENTENCES, seed: int = SEED) -> Sequence[Sample]:
    """The same in every run, but for the seconds of some dates, which count from now."""
    from presidio_evaluator.data_generator import PresidioSentenceFaker  # noqa: PLC0415, slow to import

    random.seed(seed)
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        faker = PresidioSentenceFaker("en_US", lower_case_ratio=0.05, random_seed=seed)
        made = faker.generate_new_fake_sentences(count)
    return [
        Sample(one.full_text, tuple((s.start_position, s.end_position, s.entity_type) for s in one.spans))
        for one in made
    ]
