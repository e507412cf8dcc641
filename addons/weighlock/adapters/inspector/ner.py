"""The models that find names, each a package: nothing is ever downloaded. As Presidio's NLP engine and a recognizer."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import Any, Protocol

import numpy as np
import spacy
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NlpArtifacts, NlpEngine
from spacy.attrs import IS_SPACE, LOWER, NORM, PREFIX, SHAPE, SUFFIX
from spacy.tokens import Doc
from spacy.vocab import Vocab
from thinc.api import NumpyOps

from weighlock.adapters.inspector.models import SPACY
from weighlock.detection.entities import Word, tidied
from weighlock.detection.languages import is_english
from weighlock.detection.reading import Reading, credible, has_name_like, seconded, worth_reading
from weighlock.segments import SOFT

ENTITIES = {
    "PERSON": "PERSON",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "FAC": "LOCATION",
    "ORG": "ORGANIZATION",
    "NORP": "NRP",
    "DATE": "DATE_TIME",
}
"""Of spaCy's labels, those that are looked for, and what they are called here."""
_UNREAD = ("tok2vec", "tagger", "parser", "senter", "attribute_ruler", "lemmatizer")
"""Parts of spaCy's pipeline that what finds entities does not ask."""
_LEXICAL = {NORM, LOWER, PREFIX, SUFFIX, SHAPE, IS_SPACE}
"""What the pipeline reads of a word. All else, such as whether it is like a URL, would be looked up for nothing."""
SMALL = 512
"""Code points up to which every model reads what has no capital."""
SCORE = 0.6
"""spaCy has no probabilities; a model that has them overrides it where it is sure."""


class Model(Protocol):
    entities: tuple[str, ...]

    def knows(self, text: str) -> bool:
        """Whether *text* is in a language that it was made for."""
        ...

    def read(self, texts: Sequence[str]) -> list[Reading]:
        """One for each text."""
        ...


class _Ops(NumpyOps):  # type: ignore[misc]
    """Multiplies by numpy's BLAS: several times as fast as the one that spaCy brings, where there is AVX-512."""

    def gemm(self, x: Any, y: Any, out: Any = None, trans1: bool = False, trans2: bool = False) -> Any:
        return np.matmul(x.T if trans1 else x, y.T if trans2 else y, out=out)


class Spacy:
    """spaCy's English pipeline, of which only the part that finds entities is run; it shares no vectors with others."""

    entities = tuple(sorted(set(ENTITIES.values())))

    def __init__(self) -> None:
        self._nlp = spacy.load(SPACY, exclude=_UNREAD)
        ops = _Ops()
        for node in self._nlp.get_pipe("ner").model.walk():  # type: ignore[attr-defined]
            node.ops = ops
        read: dict[int, Any] = self._nlp.vocab.lex_attr_getters  # type: ignore[attr-defined]
        for unread in read.keys() - _LEXICAL:
            del read[unread]

    def knows(self, text: str) -> bool:
        return is_english(text)

    def read(self, texts: Sequence[str]) -> list[Reading]:
        # Strings that spaCy met once would stay in its vocabulary for ever.
        with self._nlp.memory_zone():
            docs = self._nlp.pipe(texts, batch_size=64)
            return [Reading(list(self._marked(text, doc))) for text, doc in zip(texts, docs, strict=True)]

    def _marked(self, text: str, doc: Doc) -> Iterator[Word]:
        for span in doc.ents:
            if name := ENTITIES.get(span.label_):
                for start, end in tidied(text, name, span.start_char, span.end_char):
                    yield Word(start, end, name, SCORE)


def _rampart() -> Model:
    from weighlock.adapters.inspector.rampart import Rampart  # noqa: PLC0415, its libraries may be missing

    return Rampart()


MODELS: Mapping[str, Callable[[], Model]] = {"rampart": _rampart, "spacy": Spacy}
"""Name in the setting `ner` → model."""


_NO_TOKENS = Doc(Vocab())


class Marks(NlpArtifacts):
    """What the models mark in one text."""

    def __init__(self, words: Sequence[Word]) -> None:
        super().__init__([], _NO_TOKENS, [], [], None, "en")
        self.words = words


def _is_worth_two(text: str) -> bool:
    """A second model sees little in words without a capital, and in rows without an end; and they take it long."""
    return len(text) <= SMALL or (len(text) <= SOFT and not text.islower())


class Reader(NlpEngine):
    """The models of the setting *ner*, one after the other: the next reads what still has a capital in it that the
    ones before it did not explain.
    """

    def __init__(self, ner: str) -> None:
        self._ner = ner.split("+")
        self.load()

    def load(self) -> None:
        self._models = [load() for name, load in MODELS.items() if name in self._ner]

    def is_loaded(self) -> bool:
        return True

    def process_text(self, text: str, language: str) -> Marks:
        return next(artifacts for _, artifacts in self.process_batch([text], language))

    def process_batch(
        self, texts: Iterable[str], language: str, batch_size: int = 1, n_process: int = 1, **_: Any
    ) -> Iterator[tuple[str, Marks]]:
        texts = list(texts)
        marked: list[list[Word]] = [[] for _ in texts]
        doubted: list[Sequence[Word]] = [()] * len(texts)
        left = [at for at, text in enumerate(texts) if worth_reading(text)]
        for number, model in enumerate(self._models):
            if not left:
                break
            for at, reading in zip(left, model.read([texts[at] for at in left]), strict=True):
                words = reading.words
                if number:
                    words = seconded(texts[at], words, doubted[at], known=model.knows(texts[at]))
                marked[at] += credible(texts[at], words)
                doubted[at] = reading.doubted
            left = [at for at in left if has_name_like(texts[at], marked[at]) and _is_worth_two(texts[at])]
        return ((text, Marks(words)) for text, words in zip(texts, marked, strict=True))

    def is_stopword(self, word: str, language: str) -> bool:
        return False

    def is_punct(self, word: str, language: str) -> bool:
        return False

    def get_supported_entities(self) -> list[str]:
        return sorted({entity for model in self._models for entity in model.entities})

    def get_supported_languages(self) -> list[str]:
        return ["en"]


class NameRecognizer(EntityRecognizer):
    """What the reader marked."""

    def __init__(self, entities: Sequence[str]) -> None:
        super().__init__(supported_entities=list(entities), name="names")

    def load(self) -> None: ...

    def analyze(self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts) -> list[RecognizerResult]:
        if not isinstance(nlp_artifacts, Marks):
            raise TypeError("the artifacts are not this reader's")
        return [RecognizerResult(word.entity, word.start, word.end, word.score) for word in nlp_artifacts.words]
