"""OpenAI's API but for Responses, as its own hosts, Azure's and compatible servers speak it."""

from __future__ import annotations

from weighlock.dialects.dialect import Dialect, Operation, no_body
from weighlock.dialects.openai_chat import BASE, CHAT, COMPLETIONS, STORED
from weighlock.dialects.openai_fields import OPENAI
from weighlock.dialects.openai_realtime import REALTIME

DIALECT = Dialect(
    "openai",
    (
        CHAT,
        *STORED,
        COMPLETIONS,
        Operation("models", "GET", rf"{BASE}/models", OPENAI, request=no_body),
        Operation("models.retrieve", "GET", rf"{BASE}/models(?:/[\w-][\w.:@-]*){{1,3}}", OPENAI, request=no_body),
        Operation("models.delete", "DELETE", rf"{BASE}/models(?:/[\w-][\w.:@-]*){{1,3}}", OPENAI, request=no_body),
        REALTIME,
    ),
)
