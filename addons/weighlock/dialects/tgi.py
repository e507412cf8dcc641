"""Text Generation Inference's own API; its chat completions are OpenAI's."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from weighlock.dialects.base import Asked, RequestView, Said
from weighlock.dialects.dialect import SSE, Dialect, Operation, no_body
from weighlock.dialects.fields import Fields, is_measure, names
from weighlock.dialects.openai_chat import BASE
from weighlock.dialects.spelling import exact
from weighlock.errors import BadReply, Malformed
from weighlock.wire import jsontext
from weighlock.wire.jsontext import Document
from weighlock.wire.shape import Event, Run, Spelled
from weighlock.wire.strictjson import Number

_WORDS = names("finish_reason type adapter_id error_type model_id model_sha model_pipeline_tag sha router version")
FIELDS = Fields(
    keys=_WORDS
    | names(
        """
        inputs parameters stream best_of decoder_input_details details do_sample frequency_penalty grammar value
        max_new_tokens repetition_penalty return_full_text seed stop temperature top_k top_n_tokens top_p truncate
        typical_p watermark generated_text generated_tokens best_of_sequences prefill tokens top_tokens id text
        logprob special index token input_length error docker_label max_best_of max_client_batch_size
        max_concurrent_requests max_input_tokens max_stop_sequences max_total_tokens validation_workers
        """
    ),
    words=_WORDS,
    free=names("grammar/value"),
)


def _asks(view: RequestView, document: Document) -> Asked:
    body = document.value
    if not isinstance(body, dict) or not isinstance(body.get("inputs"), str) or isinstance(body["inputs"], Number):
        raise Malformed("body-shape", "The body needs `inputs`.")
    stream = body.get("stream")
    if stream not in (True, False, None):
        raise Malformed("body-shape", "`stream` is true or false.")
    return Asked(stream=bool(stream) or view.path.endswith("/generate_stream"))


def _reply(operation: Operation, document: Document) -> Said:
    """`details` spell the text token by token; what they say of the prompt and of alternatives is dropped."""
    spelled: dict[str, tuple[Spelled, ...]] = {}
    dropped: list[str] = []
    told: set[str] = set()
    for at, answer in _answers(document):
        details, place = (answer["details"], f"{at}/details") if "details" in answer else (answer, at)
        if not isinstance(details, dict):
            continue
        dropped += [f"{place}/{name}" for name in ("prefill", "top_tokens") if details.get(name)]
        tokens = details.get("tokens")
        found = _spelled(f"{place}/tokens", tokens, answer.get("generated_text"), told)
        if found is not None:
            spelled[f"{at}/generated_text"] = found
        elif tokens:
            dropped.append(f"{place}/tokens")
    told |= _below(document, dropped)
    return Said(document, *operation.fields.read(document, told), spelled=spelled, dropped=tuple(dropped))


def _answers(document: Document) -> Iterator[tuple[str, dict[str, Any]]]:
    """What has a `generated_text`, with its place."""
    answers = document.value if isinstance(document.value, list) else [document.value]
    for number, answer in enumerate(answers):
        at = f"/{number}" if isinstance(document.value, list) else ""
        best = f"{at}/details/best_of_sequences"
        found = [(at, answer), *_items(best, document.get(best))]
        yield from ((place, one) for place, one in found if isinstance(one, dict))


def _items(place: str, items: Any) -> list[tuple[str, Any]]:
    return [(f"{place}/{number}", item) for number, item in enumerate(items)] if isinstance(items, list) else []


def _spelled(at: str, tokens: Any, text: Any, told: set[str]) -> tuple[Spelled, ...] | None:
    """What *tokens*, which stand at *at*, spell of *text*; of special ones, nothing. *told* gets what is in them."""
    if not isinstance(tokens, list) or not isinstance(text, str) or isinstance(text, Number):
        return None
    pieces = [_piece(token) for token in tokens]
    places = [(f"{at}/{number}",) for number in range(len(tokens))]
    found = None if None in pieces else exact([piece for piece in pieces if piece is not None], places, text)
    for number, token in enumerate(tokens if found is not None else ()):
        told |= {f"{at}/{number}/{name}" for name in ("id", "logprob") if is_measure(token.get(name))}
        if token.get("special") is not True:
            told.add(f"{at}/{number}/text")
    return found


def _piece(token: Any) -> bytes | None:
    text = token.get("text") if isinstance(token, dict) else None
    if not isinstance(text, str) or isinstance(text, Number):
        return None
    return b"" if token.get("special") is True else text.encode()


def _below(document: Document, places: Sequence[str]) -> set[str]:
    """The leaves of what is dropped."""
    below = tuple(f"{place}/" for place in places)
    return {leaf.pointer for leaf in document.leaves() if leaf.pointer.removeprefix("key:").startswith(below)}


class TokenStream:
    """One token an event; the last has the whole text too."""

    complete = False

    def read(self, data: str) -> Event:
        document = jsontext.parse(data.encode())
        said = document.value
        if not isinstance(said, dict) or not (isinstance(said.get("token"), dict) or said.get("error")):
            raise BadReply("stream-shape", "The stream is not one of tokens.")
        text = document.get("/token/text")
        is_text = isinstance(text, str) and not isinstance(text, Number)
        runs = {"/token/text": Run("text")} if is_text else {}
        spelled = {"/token/text": (Spelled(0, len(text), ("/token/id", "/token/logprob")),)} if is_text else {}
        told = {at for at in ("/token/id", "/token/logprob") if is_text and is_measure(document.get(at))}
        dropped = ("/top_tokens",) if said.get("top_tokens") else ()
        told |= _below(document, dropped)
        self.complete = self.complete or isinstance(said.get("generated_text"), str)
        texts, closed = FIELDS.read(document, {*runs, *told})
        return Event(document, texts, closed, runs, spelled, dropped, ("",) if self.complete else ())


DIALECT = Dialect(
    "tgi",
    (
        Operation("generate", "POST", rf"{BASE}/generate", FIELDS, asks=_asks, reply=_reply),
        Operation(
            "generate_stream",
            "POST",
            rf"{BASE}/generate_stream",
            FIELDS,
            _asks,
            reply=_reply,
            streams={SSE: TokenStream},
        ),
        Operation("compat_generate", "POST", "/", FIELDS, asks=_asks, reply=_reply, streams={SSE: TokenStream}),
        Operation("info", "GET", rf"{BASE}/info", FIELDS, request=no_body),
    ),
)
