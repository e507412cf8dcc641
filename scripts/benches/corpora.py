"""Texts to measure speed with, from what is installed here: real prose and source, and logs and JSON made up."""

from __future__ import annotations

import ast
import functools
import importlib.metadata
import json
import random
import re
import sys
import sysconfig
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path

PIECE = 2_000
"""Code points of one text, about: a message of a chat."""
LANGUAGES = ("de", "es", "fr", "it", "nl", "pt")
_SENTENCE = re.compile(r"[A-Z][\w ,;:'’()\"-]+[.?!]")
_NOT_PROSE = re.compile(r"[{}<>=|\\_`*]|::|--|\w\(|https?:")
_PARAGRAPH = 160
"""Code points from which a paragraph is one."""


def pieces(text: str) -> list[str]:
    """*text* in parts of PIECE code points."""
    return [text[at : at + PIECE] for at in range(0, len(text), PIECE)]


@functools.cache
def prose() -> Sequence[str]:
    """Paragraphs that people wrote, each once: the descriptions of installed packages, and the standard library's
    docstrings. In an order of its own."""
    found = {" ".join(paragraph.split()) for text in _written() for paragraph in re.split(r"\n\s*\n", text)}
    chosen = sorted(text for text in found if len(text) >= _PARAGRAPH and _reads(text))
    random.Random(1).shuffle(chosen)
    return chosen


def new_prose(size: int) -> Iterator[str]:
    """Texts of *size* code points, none with a paragraph of another. Ends when there is no more."""
    text = ""
    for paragraph in prose():
        text += paragraph + "\n\n"
        if len(text) >= size:
            yield text[:size]
            text = ""


def text(size: int, seed: int = 0) -> str:
    """Prose of *size* code points, in an order that *seed* makes; with paragraphs again where there is no more."""
    paragraphs, text = list(prose()), ""
    chance = random.Random(seed)
    while len(text) < size:
        chance.shuffle(paragraphs)
        text += "\n\n".join(paragraphs) + "\n\n"
    return text[:size]


def _written() -> Iterator[str]:
    for package in importlib.metadata.distributions():
        yield package.metadata.get_payload() or package.metadata.get("Description", "")
    for module in _modules():
        for node in ast.walk(ast.parse(module.read_text())):
            if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef):
                yield ast.get_docstring(node) or ""


def _modules() -> list[Path]:
    folder = Path(sysconfig.get_paths()["stdlib"])
    return [path for path in sorted(folder.glob("*.py")) if path.stem in sys.stdlib_module_names]


def _reads(text: str) -> bool:
    """Whether it is sentences, not a list, a table or code."""
    return bool(_SENTENCE.search(text)) and not _NOT_PROSE.search(text) and text.count(" ") > len(text) / 9


def source(size: int) -> str:
    """The standard library's, from its largest modules on, so that it is not one module's style."""
    modules = sorted(_modules(), key=lambda path: path.stat().st_size, reverse=True)[3:]
    return "".join(path.read_text()[:20_000] for path in modules)[:size]


def _words() -> list[str]:
    return sorted(set(re.findall(r"\b[a-z]{3,12}\b", source(200_000))))


def log(size: int) -> str:
    """What a service writes about itself: times, levels, counts, and no value that a rule looks for."""
    chance, words, lines, length = random.Random(2), _words(), [], 0
    forms = (
        "{t} INFO {w}.{w}: {w} finished in {n} ms",
        "{t} WARN {w}: retry {d} of 5, {w} not ready",
        "{t} DEBUG {w}.{w}[{n}]: {w}={n} {w}={w} {w}={d}.{d}",
        "{t} ERROR {w}.{w}: {w} {w} failed with code {n}",
    )
    while length < size:
        line = chance.choice(forms).replace(
            "{t}", f"12:{chance.randrange(60):02}:{chance.randrange(60):02}.{len(lines) % 1000:03}"
        )
        line = re.sub(r"\{w\}", lambda _: chance.choice(words), line)
        line = re.sub(r"\{n\}", lambda _: str(chance.randrange(1000)), line)
        lines.append(re.sub(r"\{d\}", lambda _: str(chance.randrange(10)), line))
        length += len(lines[-1]) + 1
    return "\n".join(lines)[:size]


def records(size: int) -> str:
    """JSON lines: words, numbers, lists, nested objects."""
    chance, words, lines, length = random.Random(3), _words(), [], 0
    while length < size:
        record = {
            "id": len(lines),
            "kind": chance.choice(words),
            "ok": chance.random() < 0.9,
            "took": round(chance.random() * 100, 2),
            "labels": chance.sample(words, 3),
            "of": {chance.choice(words): chance.randrange(1000), chance.choice(words): None},
        }
        lines.append(json.dumps(record))
        length += len(lines[-1]) + 1
    return "\n".join(lines)[:size]


def languages() -> Mapping[str, str]:
    """spaCy's example sentences of each language."""
    texts = {}
    for language in LANGUAGES:
        module = importlib.import_module(f"spacy.lang.{language}.examples")
        texts[language] = " ".join(module.sentences)
    return texts
