"""The models that find names, each a package: nothing is ever downloaded. Of spaCy's, what a recognizer makes of it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import spacy
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NerModelConfiguration, NlpArtifacts, SpacyNlpEngine

from weighlock.adapters.inspector.models import SPACY
from weighlock.detection.entities import tidied

ENTITIES = {
    "PERSON": "PERSON",
    "GPE": "LOCATION",
    "LOC": "LOCATION",
    "FAC": "LOCATION",
    "ORG": "ORGANIZATION",
    "NORP": "NRP",
    "DATE": "DATE_TIME",
}
"""Of the model's labels, those that are looked for, and what they are called here."""
SCORE = 0.6
"""spaCy has no probabilities; a model that has them overrides it where it is sure."""


class SpacyEngine(SpacyNlpEngine):
    """Only what finding entities needs of the pipeline; an empty one where spaCy is not *used*."""

    def __init__(self, *, used: bool) -> None:
        self._used = used
        super().__init__(
            models=[{"lang_code": "en", "model_name": SPACY}],
            ner_model_configuration=NerModelConfiguration(
                model_to_presidio_entity_mapping=ENTITIES, low_score_entity_names=[]
            ),
        )
        self.load()

    def load(self) -> None:
        if not self._used:
            self.nlp: Any = {"en": spacy.blank("en")}
            return
        unused = ["tagger", "parser", "senter", "attribute_ruler", "lemmatizer"]
        self.nlp = {"en": spacy.load(SPACY, exclude=unused)}
        self.ner_model_configuration.labels_to_ignore = set(self.nlp["en"].get_pipe("ner").labels) - set(ENTITIES)


class SpacyRecognizer(EntityRecognizer):
    """What SpacyEngine found, with edges that are the entities' own."""

    def __init__(self) -> None:
        super().__init__(supported_entities=sorted(set(ENTITIES.values())), name="spacy")

    def load(self) -> None: ...

    def analyze(self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts) -> list[RecognizerResult]:
        return [
            RecognizerResult(entity.label_, start, end, SCORE)
            for entity in nlp_artifacts.entities
            if entity.label_ in self.supported_entities
            for start, end in tidied(text, entity.label_, entity.start_char, entity.end_char)
        ]


def _rampart() -> EntityRecognizer:
    from weighlock.adapters.inspector.rampart import RampartRecognizer  # noqa: PLC0415, its libraries may be missing

    return RampartRecognizer()


RECOGNIZERS: Mapping[str, Callable[[], EntityRecognizer]] = {"spacy": SpacyRecognizer, "rampart": _rampart}
"""Name in the setting `ner` → recognizer."""
