"""Presidio's AnalyzerEngine with our recognizers in it: every rule in one, and the models that find names."""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache, partial
from types import MappingProxyType
from typing import Any

from presidio_analyzer import AnalyzerEngine, EntityRecognizer, RecognizerRegistry, RecognizerResult
from presidio_analyzer.context_aware_enhancers import ContextAwareEnhancer
from presidio_analyzer.nlp_engine import NlpArtifacts

from weighlock.adapters.inspector.material import MaterialSearch
from weighlock.adapters.inspector.ner import Marks, NameRecognizer, Reader
from weighlock.adapters.inspector.prefilter import Prefilter
from weighlock.detection.context import lowered, stands_before
from weighlock.detection.resolve import Hit, counted, resolve
from weighlock.detection.rules import NER, Rule, compiled, guess_id
from weighlock.detection.seen import hits, readable, words
from weighlock.detection.validators import VALIDATORS
from weighlock.detection.views import View, views
from weighlock.model import Finding, Role, Text
from weighlock.segments import split
from weighlock.settings import NER_DEFAULT


class RuleRecognizer(EntityRecognizer):
    """All rules. A rule is searched only where it can match."""

    def __init__(self, rules: Sequence[Rule]) -> None:
        self._rules = rules
        self._prefilter = Prefilter(rules)
        # `may_find` and `analyze` ask of one text, one after the other.
        self._candidates = lru_cache(maxsize=1)(self._prefilter.candidates)
        super().__init__(supported_entities=sorted({rule.entity for rule in rules}), name="rules")

    def load(self) -> None: ...

    def values(self, text: str) -> list[str]:
        """All that the rules find in *text*, as it stands there."""
        return [text[found.start : found.end] for found in self.analyze(text, [], _NOTHING)]

    def may_find(self, text: str) -> bool:
        return bool(self._candidates(text))

    def analyze(self, text: str, entities: list[str], nlp_artifacts: NlpArtifacts) -> list[RecognizerResult]:
        searched = _Searched(text)
        candidates = [self._rules[number] for number in self._candidates(text)]
        return [
            RecognizerResult(
                rule.entity,
                *span,
                rule.score,
                recognition_metadata={"rule": rule, RecognizerResult.RECOGNIZER_NAME_KEY: rule.id},
            )
            for rule in candidates
            if not rule.keywords or any(keyword in searched.lowered for keyword in rule.keywords)
            for span in _spans(rule, compiled(rule.pattern), searched)
        ]


class _Searched:
    """A text, in lower case with every character in its place, and as RE2 reads it: UTF-8, encoded once."""

    def __init__(self, text: str) -> None:
        self.text = text
        self.lowered = lowered(text)
        self.data = text.encode()
        self._at = (0, 0)

    def index(self, offset: int) -> int:
        """Code points before the byte *offset*. Cheap where it is asked for offsets close to each other."""
        if len(self.data) == len(self.text):
            return offset
        byte, char = self._at
        between = len(self.data[min(byte, offset) : max(byte, offset)].decode())
        self._at = offset, char + (between if offset >= byte else -between)
        return self._at[1]


def _spans(rule: Rule, pattern: Any, searched: _Searched) -> Iterator[tuple[int, int]]:
    """Of every value, in code points. What a pattern reads beyond its value may be the beginning of the next one, and
    what is rejected may hide a value that begins within it.
    """
    group = pattern.groupindex.get(b"value", 0)
    position = 0
    while match := pattern.search(searched.data, position):
        first, end = match.span(group)
        if first < end and _holds(rule, searched, start := searched.index(first), stop := searched.index(end)):
            yield start, stop
            position = end
        else:
            position = max(first, match.start()) + 1


def _holds(rule: Rule, searched: _Searched, start: int, stop: int) -> bool:
    if rule.context and not stands_before(rule.context, searched.lowered, start):
        return False
    return not rule.validator or VALIDATORS[rule.validator](searched.text[start:stop])


class _NoEnhancer(ContextAwareEnhancer):
    """Rules name their context themselves."""

    def __init__(self) -> None:
        super().__init__(0, 0, 0, 0)

    def enhance_using_context(
        self, text: str, raw_results: list[RecognizerResult], nlp_artifacts: Any, recognizers: Any, context: Any = None
    ) -> list[RecognizerResult]:
        return raw_results


def _distinct(results: list[RecognizerResult]) -> list[RecognizerResult]:
    return list(set(results))


# Presidio compares each result with all others, which takes minutes where there are thousands of names. What lies
# within what, `resolve` tells.
EntityRecognizer.remove_duplicates = staticmethod(_distinct)  # type: ignore[method-assign]

_NOTHING = Marks(())


class Engine:
    """Texts to findings. *key* is for fingerprints; *ner* is one of settings.NER."""

    def __init__(self, key: bytes, ner: str = NER_DEFAULT) -> None:
        self._key = key
        self._reader = Reader(ner)
        self.use(())
        self.know({})

    def use(self, rules: Sequence[Rule], thresholds: Mapping[str, float] = MappingProxyType({})) -> None:
        """Look for these *rules* from now on, and report no entity below its threshold."""
        self._thresholds = thresholds
        self._rules = RuleRecognizer(rules)
        recognizers = [self._rules, NameRecognizer(self._reader.get_supported_entities())]
        registry = RecognizerRegistry(recognizers, supported_languages=["en"])
        self._analyzer = AnalyzerEngine(
            registry, self._reader, supported_languages=["en"], context_aware_enhancer=_NoEnhancer()
        )

    def know(self, material: Mapping[str, str]) -> None:
        """Look for what these indexes hold from now on. Raises Unavailable for one that cannot be used."""
        self._material = MaterialSearch(material, self._key)

    def inspect(self, texts: Iterable[Text]) -> list[Finding]:
        """In the order of *texts*, then of their places. Raises Unsupported for a text that cannot be cut."""
        return [finding for text in texts for finding in self._text(text)]

    def _text(self, text: Text) -> Iterator[Finding]:
        segments = split(text.value)
        shown = [views(segment) for segment in segments]
        read = [readable(segment, others) for segment, others in zip(segments, shown, strict=True)]
        start = 0
        artifacts = self._artifacts([words(view.text) for view in read], ner=text.role is Role.CONTENT)
        for segment, others, plain, names in zip(segments, shown, read, artifacts, strict=True):
            for hit in resolve(counted(hits(segment, others, partial(self._shown, plain, names)), self._thresholds)):
                if whole := _trimmed(segment, hit) if hit.guess else hit:
                    yield self._finding(text, segment, whole, start)
            start += len(segment)

    def _artifacts(self, segments: list[str], *, ner: bool) -> Iterator[Marks]:
        """What the models mark in each. In batches, which halves the time."""
        if not ner:
            return (_NOTHING for _ in segments)
        return (artifacts for _, artifacts in self._reader.process_batch(segments, "en"))

    def _shown(self, plain: View, names: Marks, view: View) -> Iterator[Hit]:
        """Names are looked for in the *plain* view alone."""
        return self._search(view.text, names if view.name == plain.name else _NOTHING)

    def _search(self, segment: str, artifacts: Marks) -> Iterator[Hit]:
        yield from self._material.hits(segment)
        if not artifacts.words and not self._rules.may_find(segment):
            return  # Presidio takes a while to say so
        for result in self._analyzer.analyze(segment, "en", nlp_artifacts=artifacts):
            rule = (result.recognition_metadata or {}).get("rule")
            if rule:
                yield Hit(
                    rule.id,
                    rule.entity,
                    rule.level,
                    result.score,
                    result.start,
                    result.end,
                    rule.tags,
                    strict=bool(rule.validator or rule.keywords),
                )
            else:
                yield _guess(result)

    def _finding(self, text: Text, segment: str, hit: Hit, offset: int) -> Finding:
        value = hit.value or segment[hit.start : hit.end]
        return Finding(
            rule=hit.rule,
            entity=hit.entity,
            level=hit.level,
            score=hit.score,
            pointer=text.pointer,
            start=offset + hit.start,
            end=offset + hit.end,
            fingerprint=hmac.new(self._key, f"{hit.entity}\0{value}".encode(), hashlib.sha256).hexdigest()[:16],
            tags=frozenset(hit.tags),
            view=hit.view,
        )


def _trimmed(segment: str, hit: Hit) -> Hit | None:
    """What a rule left of a guess, without the space beside it; None where nothing else is left."""
    value = segment[hit.start : hit.end]
    if not any(map(str.isalnum, value)):
        return None
    return replace(hit, start=hit.end - len(value.lstrip()), end=hit.start + len(value.rstrip()))


def _guess(result: RecognizerResult) -> Hit:
    level, tags = NER[result.entity_type]
    entity, place = result.entity_type, (result.start, result.end)
    return Hit(guess_id(entity), entity, level, result.score, *place, tags, guess=True)
