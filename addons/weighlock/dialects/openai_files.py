"""OpenAI's Files and Batches: what is uploaded is inspected line by line, and so is what comes back."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

from weighlock.dialects import spelling
from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.dialect import JSON, Operation, no_body, optional_body
from weighlock.dialects.forms import any_body, by_line, form, json_lines
from weighlock.dialects.openai_chat import BASE, ID, asks_nothing
from weighlock.dialects.openai_fields import OPENAI
from weighlock.dialects.openai_responses_fields import RESPONSES
from weighlock.dialects.retold import told_again
from weighlock.errors import Malformed
from weighlock.model import Text
from weighlock.wire import jsontext
from weighlock.wire.jsontext import Document
from weighlock.wire.lines import JsonLines
from weighlock.wire.multipart import Form, Part, Raw


def _asks_file(view: RequestView, document: Document) -> Asked:
    if not document.value.get("purpose"):
        raise Malformed("body-shape", "The form needs a `purpose`.")
    return Asked()


def _reply_line(document: Document) -> Said:
    answered = document.get("/response/body/object") == "response"
    return spelling.with_spelling(RESPONSES if answered else OPENAI, document)


def _own_line(document: Document) -> Said:
    """A conversation to learn from, or whatever else."""
    document = document.without(told_again(document, OPENAI))
    return Said(document, *OPENAI.read(document))


def _content(operation: Operation, media: str, data: bytes) -> Said:
    return any_body(data, media, OPENAI, _reply_line)


def _documents(part: Part) -> tuple[Document, ...]:
    return part.value.documents if isinstance(part.value, JsonLines) else ()


def files(calls: Sequence[Operation]) -> tuple[Operation, ...]:
    """*calls* are the operations that a line of a batch may ask for."""

    def read_file(raw: Raw, values: Mapping[str, str]) -> Said:
        purpose = values.get("purpose", "")
        if purpose == "batch":
            documents = json_lines(raw.data)
            if not isinstance(documents, JsonLines):
                raise Malformed("batch-shape", "A batch has one request in each line.")
            return by_line(documents, line)
        return any_body(raw.data, raw.media, OPENAI, _own_line)

    def line(document: Document) -> Said:
        """One request: its `body` is read as its `url` says."""
        said = document.value if isinstance(document.value, dict) else {}
        url, body = said.get("url"), said.get("body")
        own = next((call for call in calls if isinstance(url, str) and re.fullmatch(call.path, url)), None)
        if own is None or said.get("method") != "POST" or not isinstance(body, dict):
            raise Malformed(
                "batch-shape", "A line of a batch has a `method`, a `url` that is known here, and a `body`."
            )
        view = RequestView("POST", str(url), (), (), JSON, Document(body).dumps())
        inner = own.read(view)[1]
        if isinstance(inner.body, Document):
            document = Document(said | {"body": inner.body.value})
        inside = {leaf.pointer for leaf in document.leaves() if leaf.pointer.removeprefix("key:").startswith("/body/")}
        texts, closed = OPENAI.read(document, inside)
        body_texts: list[Text] = [replace(t, pointer=jsontext.below("/body", t.pointer)) for t in inner.texts]
        return Said(document, (*texts, *body_texts), (*closed, *inner.not_inspected))

    def create(view: RequestView, operation: Operation) -> tuple[Asked, Said]:
        asked, said = form(read_file)(view, operation)
        parts = said.body.parts if isinstance(said.body, Form) else ()
        asking = [document.get("/body/model") for part in parts for document in _documents(part)]
        models = {model for model in asking if isinstance(model, str)}
        if len(models) > 1:
            raise Malformed("batch-shape", "A batch asks one model.")
        return replace(asked, model=str(*models)), said

    return (
        Operation("files.create", "POST", rf"{BASE}/files", OPENAI, asks=_asks_file, request=create),
        Operation("files.list", "GET", rf"{BASE}/files", OPENAI, request=no_body),
        Operation("files.retrieve", "GET", rf"{BASE}/files{ID}", OPENAI, request=no_body),
        Operation("files.delete", "DELETE", rf"{BASE}/files{ID}", OPENAI, request=no_body),
        Operation(
            "files.content", "GET", rf"{BASE}/files{ID}/content", OPENAI, request=no_body, replies={"*/*": _content}
        ),
        Operation("batches.create", "POST", rf"{BASE}/batches", OPENAI, asks=asks_nothing),
        Operation("batches.list", "GET", rf"{BASE}/batches", OPENAI, request=no_body),
        Operation("batches.retrieve", "GET", rf"{BASE}/batches{ID}", OPENAI, request=no_body),
        Operation("batches.cancel", "POST", rf"{BASE}/batches{ID}/cancel", OPENAI, asks_nothing, optional_body),
    )
