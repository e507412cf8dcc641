"""What is measured: our engine with each of its models, and stock Presidio with the same spaCy model.

A subject takes a text and says where it found what. Stock Presidio is an AnalyzerEngine with the recognizers it comes
with, English, from a score of .4, kept from going online for the list of public suffixes. Its model is set as its
documentation does, which turns organizations on: it finds more with them.
"""

from __future__ import annotations

import functools
import logging
import threading
from collections.abc import Callable

import tldextract.tldextract
from pools import ruleset
from presidio_analyzer import AnalyzerEngine
from presidio_analyzer.nlp_engine import NlpEngineProvider

from weighlock.adapters.inspector.engine import Engine
from weighlock.adapters.inspector.models import SPACY
from weighlock.adapters.inspector.prefilter import WARM
from weighlock.model import Role, Text

STOCK = "stock"
BEST = "spacy+rampart"
"""The setting that goals are for."""

type Span = tuple[int, int, str]
"""Start, end, entity."""
type Subject = Callable[[str], list[Span]]


@functools.cache
def subject(name: str) -> Subject:
    """*name* is STOCK or one of settings.NER. It is warm."""
    made = _stock() if name == STOCK else _ours(name)
    made("Maria Lopez paid with 4111 1111 1111 1111 and left her number, +1 212 555 0187.")
    return made


def _ours(ner: str) -> Subject:
    engine = Engine(bytes(32), ner)
    engine.use(ruleset().rules, ruleset().thresholds)
    engine.inspect([Text("/warm", Role.PARAMETER, "as warm as after the first messages\n" * (WARM // 32))])
    for thread in threading.enumerate():
        if thread.name == "hyperscan":
            thread.join()
    return lambda text: [(f.start, f.end, f.entity) for f in engine.inspect([Text("/x", Role.CONTENT, text)])]


def _stock() -> Subject:
    logging.getLogger("presidio-analyzer").setLevel(logging.ERROR)
    tldextract.tldextract.TLD_EXTRACTOR = tldextract.TLDExtract(suffix_list_urls=(), cache_dir=None)
    configuration = {"nlp_engine_name": "spacy", "models": [{"lang_code": "en", "model_name": SPACY}]}
    analyzer = AnalyzerEngine(nlp_engine=NlpEngineProvider(nlp_configuration=configuration).create_engine())
    return lambda text: [
        (found.start, found.end, found.entity_type) for found in analyzer.analyze(text, "en", score_threshold=0.4)
    ]
