"""How well personal data is found, by presidio-evaluator's SpanEvaluator: of any entity, at two overlaps.

As its authors use it: a found span counts if what both have of the union of their characters is at least the threshold,
whatever it is called. F2 weighs recall twice as much as precision.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from typing import Any
from unittest import mock

import pandas as pd
import spacy
from figures import Figure, Goal, Options, figure
from presidio_evaluator.evaluation import ErrorType, SpanEvaluator
from presidio_evaluator.span_to_tag import span_to_tag
from samples import SYNTHETIC, Sample, generated, read
from subjects import BEST, STOCK, Span, subject

from weighlock.adapters.inspector import ner

OVERLAPS = (0.9, 0.7)
GOALS = {"F2 at overlap 0.7": 0.92, "F2 at overlap 0.9": 0.87, "precision at overlap 0.7": 0.90}
COLUMNS = ["sentence_id", "token", "start_indices", "annotation", "prediction"]
_tokenize = spacy.blank("en")


def rows(number: int, sample: Sample, found: Sequence[Span]) -> list[tuple[int, str, int, str, str]]:
    """Every token of *sample*, with what it is and what it was taken for."""
    tokens = _tokenize(sample.text)
    tags = zip(tokens, _tags(sample.text, tokens, sample.spans), _tags(sample.text, tokens, found), strict=True)
    return [(number, token.text, token.idx, gold, given) for token, gold, given in tags]


def _tags(text: str, tokens: Any, spans: Sequence[Span]) -> list[str]:
    starts, ends, entities = [s[0] for s in spans], [s[1] for s in spans], [s[2] for s in spans]
    tags: list[str] = span_to_tag("IO", text, starts, ends, entities, tokens=tokens)
    return tags


def scores(samples: Sequence[Sample], found: Sequence[Sequence[Span]], overlap: float) -> Mapping[str, float]:
    table = [
        row for at, (sample, spans) in enumerate(zip(samples, found, strict=True)) for row in rows(at, sample, spans)
    ]
    result = evaluator(overlap).calculate_score_on_df(pd.DataFrame(table, columns=COLUMNS), level="pii")
    return {"F2": result.pii_f, "precision": result.pii_precision, "recall": result.pii_recall}


def evaluator(overlap: float) -> Any:
    logging.getLogger("presidio_evaluator").setLevel(logging.ERROR)  # it warns that its own defaults are used
    return SpanEvaluator(iou_threshold=overlap)


def details(samples: Sequence[Sample], found: Sequence[Sequence[Span]], overlap: float) -> Counter[tuple[str, str]]:
    """How often each entity is missed, found with other edges, and how often it is falsely found. No texts."""
    counts = Counter(("there", entity) for sample in samples for *_, entity in sample.spans)
    one = evaluator(overlap)
    for sample, spans in zip(samples, found, strict=True):
        table = one.create_global_entities_df(pd.DataFrame(rows(0, sample, spans), columns=COLUMNS))
        for error in one.calculate_score_on_df(table, level="entity").model_errors or ():
            there, given = (_within(those, error.start, error.end) for those in (sample.spans, spans))
            if error.error_type is ErrorType.FN:
                counts["other edges" if given else "missed", there] += 1
            elif error.error_type is ErrorType.FP and not there:
                counts["false", given] += 1
    return counts


def _within(spans: Sequence[Span], start: int, end: int) -> str:
    """The entity of the longest that lies there, or nothing."""
    return max((span for span in spans if span[0] < end and start < span[1]), key=_length, default=(0, 0, ""))[2]


def _length(span: Span) -> int:
    return span[1] - span[0]


def run(progress: Callable[[str], None], options: Options) -> list[Figure]:
    """On *options.data* alone, where that is given; else on the synthetic sentences, and on others newly made."""
    if options.data:
        return measured(progress, options, options.data.name, read(options.data), goals=True)
    return [
        *measured(progress, options, "synthetic sentences", read(SYNTHETIC), goals=True),
        *measured(progress, options, "newly generated sentences", generated(), goals=False),
    ]


def measured(
    progress: Callable[[str], None], options: Options, where: str, samples: Sequence[Sample], *, goals: bool
) -> list[Figure]:
    shares: dict[str, Mapping[str, float]] = {}
    for name in (*options.ner, STOCK):
        progress(f"accuracy, {where}, {name}")
        found = [subject(name)(sample.text) for sample in samples]
        shares[name] = {
            f"{what} at overlap {overlap:g}": value
            for overlap in OVERLAPS
            for what, value in scores(samples, found, overlap).items()
        }
        if options.say:
            options.say(table(f"{where}, {name}", details(samples, found, OVERLAPS[0])))
    figures = [
        figure(
            f"{what}, {where}, {name}", "share", [value], [shares[STOCK][what]], _goal(what, name) if goals else None
        )
        for name in options.ner
        for what, value in shares[name].items()
    ]
    if BEST in options.ner:
        progress(f"accuracy, {where}, {BEST} that reads every text")
        figures.append(ungated(where, samples, shares[BEST]["recall at overlap 0.7"]))
    return figures


def ungated(where: str, samples: Sequence[Sample], gated: float) -> Figure:
    """The recall beside that of models which read also where no name can stand."""
    with mock.patch.object(ner, "worth_reading", return_value=True):
        found = [subject(BEST)(sample.text) for sample in samples]
    recall = scores(samples, found, 0.7)["recall"]
    label = f"recall beside that of models that read every text, {where}, {BEST}"
    return figure(label, "share", [gated], [recall], Goal(0.995, ratio=True))


def _goal(what: str, name: str) -> Goal | None:
    return Goal(GOALS[what]) if name == BEST and what in GOALS else None


def table(name: str, counts: Counter[tuple[str, str]]) -> str:
    columns = ("there", "missed", "other edges", "false")
    rows = [f"{name}, at overlap {OVERLAPS[0]:g}", f"{'':20}" + "".join(f"{column:>12}" for column in columns)]
    rows += [
        f"{entity:20}" + "".join(f"{counts[column, entity]:>12}" for column in columns)
        for entity in sorted({entity for _, entity in counts})
    ]
    return "\n".join(rows)
