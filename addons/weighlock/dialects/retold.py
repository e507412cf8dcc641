"""What a request tells again of earlier answers, token by token: it spells out what is masked, and tells a model
nothing. So it stays here.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from weighlock.dialects.fields import Fields, names
from weighlock.wire.jsontext import Document
from weighlock.wire.strictjson import Number

_RETOLD = names("logprobs top_logprobs token_logprobs prompt_logprobs token_ids prompt_token_ids")


def told_again(document: Document, fields: Fields) -> list[str]:
    """The places of token probabilities and ids, where *fields* have them and they are not somebody's own JSON; of a
    list, its items. What asks for them is a number or a boolean.
    """
    return list(_places(document.value, "", _RETOLD & fields.keys, fields))


def _places(value: Any, place: str, words: frozenset[str], fields: Fields) -> Iterator[str]:
    if isinstance(value, list):
        for number, item in enumerate(value):
            yield from _places(item, f"{place}/{number}", words, fields)
    for name, member in value.items() if isinstance(value, dict) else ():
        at = f"{place}/{name.replace('~', '~0').replace('/', '~1')}"
        asks = member is None or isinstance(member, bool | Number)
        if name not in words or asks or fields.is_free(at):
            yield from _places(member, at, words, fields)
        elif isinstance(member, list):
            yield from (f"{at}/{number}" for number in range(len(member)))
        else:
            yield at
