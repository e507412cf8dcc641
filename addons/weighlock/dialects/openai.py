"""OpenAI's API, as its own hosts, Azure's and compatible servers speak it."""

from __future__ import annotations

from weighlock.dialects.dialect import Dialect, Operation, no_body
from weighlock.dialects.openai_chat import BASE, CHAT, COMPLETIONS, STORED
from weighlock.dialects.openai_fields import OPENAI
from weighlock.dialects.openai_files import files
from weighlock.dialects.openai_media import MEDIA
from weighlock.dialects.openai_realtime import REALTIME
from weighlock.dialects.openai_responses import CREATE, RESPONSES
from weighlock.dialects.openai_texts import TEXTS

_MODEL = rf"{BASE}/models(?:/[\w-][\w.:@-]*){{1,3}}"
_CALLS = (CHAT, COMPLETIONS, CREATE, *TEXTS)
"""What a line of a batch may ask for."""

DIALECT = Dialect(
    "openai",
    (
        CHAT,
        *STORED,
        COMPLETIONS,
        *TEXTS,
        *MEDIA,
        *files(_CALLS),
        Operation("models", "GET", rf"{BASE}/models", OPENAI, request=no_body),
        Operation("models.retrieve", "GET", _MODEL, OPENAI, request=no_body),
        Operation("models.delete", "DELETE", _MODEL, OPENAI, request=no_body),
        *RESPONSES,
        REALTIME,
    ),
)
