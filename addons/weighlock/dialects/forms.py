"""Requests that are forms with files, and bodies that may be text, JSON, JSON lines, or nothing that can be read."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.dialect import JSON, Operation
from weighlock.dialects.fields import Fields, names
from weighlock.errors import Malformed, Unsupported
from weighlock.model import NotInspected, Role, Text
from weighlock.wire import jsontext, lines, multipart
from weighlock.wire.jsontext import Document
from weighlock.wire.lines import JsonLines
from weighlock.wire.multipart import Form, Part, Raw
from weighlock.wire.plain import Opaque, PlainText, text_of

_EXTENSIONS = names(
    """
    json jsonl txt md csv tsv html xml yaml yml pdf doc docx ppt pptx xls xlsx py js ts c cpp java
    png jpg jpeg gif webp bmp mp3 mp4 mpeg mpga m4a ogg oga opus wav webm flac aac pcm
    """
)

FileReader = Callable[[Raw, Mapping[str, str]], Said]
"""What a file says, given the fields beside it. Its pointers are those of its own body."""


def form(read_file: FileReader) -> Callable[[RequestView, Operation], tuple[Asked, Said]]:
    """How to read a request that is a form. `asks` is given its fields as a JSON object of strings."""

    def request(view: RequestView, operation: Operation) -> tuple[Asked, Said]:
        if not view.content_type.lower().startswith("multipart/form-data"):
            raise Unsupported("media-type", "This is sent as a form.", next_step="Send multipart/form-data.")
        raws = multipart.parse(view.content_type, view.body)
        values = _values(raws)
        asked = operation.asks(view, Document(dict(values)))
        parts: list[Part] = []
        texts: list[Text] = []
        closed: list[NotInspected] = []
        for number, raw in enumerate(raws):
            said = _field(raw, operation.fields) if raw.filename is None else read_file(raw, values)
            stem, extension = _stem(raw.filename)
            parts.append(Part(raw.name, stem, raw.media, said.body or PlainText(""), extension))
            texts += _head(f"/{number}", raw, operation.fields)
            place = f"/{number}/value"
            texts += [replace(text, pointer=jsontext.below(place, text.pointer)) for text in said.texts]
            closed += said.not_inspected
        return asked, Said(Form(tuple(parts), multipart.boundary(view.body)), tuple(texts), tuple(closed))

    return request


def media_file(kind: str) -> FileReader:
    """A file of *kind*; where it is text it is read as that."""

    def read(raw: Raw, values: Mapping[str, str]) -> Said:
        text = text_of(raw.data)
        return opaque(raw.data, kind) if text is None else Said(PlainText(text), (Text("", Role.CONTENT, text),))

    return read


def opaque(data: bytes, kind: str, media: str = "application/octet-stream") -> Said:
    return Said(Opaque(data, media), not_inspected=(NotInspected(kind, len(data)),))


def any_body(data: bytes, media: str, fields: Fields, line: Callable[[Document], Said]) -> Said:
    """JSON, JSON lines, each as *line* says, other text, or a file that cannot be inspected, by what it holds."""
    text = text_of(data)
    if text is None:
        return opaque(data, "file", media)
    if not text.lstrip(" \t\r\n\ufeff").startswith(("{", "[")):
        return Said(PlainText(text, "text/plain; charset=utf-8"), (Text("", Role.CONTENT, text),))
    documents = json_lines(data)
    if isinstance(documents, Document):
        return Said(documents, *fields.read(documents))
    return by_line(documents, line)


def json_lines(data: bytes) -> Document | JsonLines:
    """One JSON text that is spread over lines, or one in each line. Raises Malformed."""
    try:
        return lines.parse(data)
    except Malformed:
        return jsontext.parse(data)


def by_line(documents: JsonLines, line: Callable[[Document], Said]) -> Said:
    """What *line* says of each, which may leave out some of it."""
    texts: list[Text] = []
    closed: list[NotInspected] = []
    spelled, dropped, read = {}, [], []
    for number, document in enumerate(documents.documents):
        place, said = f"/{number}", line(document)
        read.append(said.body if isinstance(said.body, Document) else document)
        texts += [replace(text, pointer=jsontext.below(place, text.pointer)) for text in said.texts]
        closed += said.not_inspected
        dropped += [f"{place}{pointer}" for pointer in said.dropped]
        for pointer, spelling in said.spelled.items():
            own = (replace(one, places=tuple(f"{place}{at}" for at in one.places)) for one in spelling)
            spelled[f"{place}{pointer}"] = tuple(own)
    return Said(replace(documents, documents=tuple(read)), tuple(texts), tuple(closed), spelled, tuple(dropped))


def text_reply(operation: Operation, media: str, data: bytes) -> Said:
    text = text_of(data)
    if text is None:
        raise Malformed("charset", "The reply is not UTF-8.")
    return Said(PlainText(text, f"{media}; charset=utf-8"), (Text("", Role.CONTENT, text),))


def opaque_reply(kind: str) -> Callable[[Operation, str, bytes], Said]:
    return lambda operation, media, data: opaque(data, kind, media)


def _values(raws: Sequence[Raw]) -> Mapping[str, str]:
    single = [raw for raw in raws if raw.filename is None and not raw.name.endswith("[]")]
    if len({raw.name for raw in single}) < len(single):
        raise Malformed("form-malformed", "The form has a field twice.")
    return {raw.name: _value(raw) for raw in single}


def _head(place: str, raw: Raw, fields: Fields) -> list[Text]:
    """The texts of a part but for its value."""
    known = fields.keys.issuperset(_path(raw.name).split("/"))
    texts = [] if known else [Text(f"key:{place}/name", Role.KEY, raw.name)]
    stem, _ = _stem(raw.filename)
    texts += [Text(f"{place}/filename", Role.CONTENT, stem)] if stem else []
    return texts + ([Text(f"{place}/type", Role.PARAMETER, raw.media)] if raw.media else [])


def _stem(filename: str | None) -> tuple[str | None, str]:
    """A file's name without what says its format, by which model hosts tell files; that of an address is its own."""
    stem, dot, last = (filename or "").rpartition(".")
    return (stem, dot + last) if stem and "@" not in stem and last.lower() in _EXTENSIONS else (filename, "")


def _field(raw: Raw, fields: Fields) -> Said:
    value, pointer = _value(raw), f"/{_path(raw.name)}"
    if kind := fields.closed(pointer, value):
        return Said(PlainText(value), not_inspected=(NotInspected(kind, len(value)),))
    if raw.media == JSON or jsontext.tokens(value) is not None:
        document = jsontext.parse(raw.data)
        return Said(document, *fields.read(document))
    role = Role.PARAMETER if fields.is_word(pointer) else Role.CONTENT
    return Said(PlainText(value), (Text("", role, value),))


def _path(name: str) -> str:
    """`a[b][]`, as clients write members of members, as a place."""
    return "/".join(part for part in re.split(r"[\[\]]+", name) if part)


def _value(raw: Raw) -> str:
    text = text_of(raw.data)
    if text is None:
        raise Malformed("charset", "A field of the form is not UTF-8.")
    return text
