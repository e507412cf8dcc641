"""What a conversation begins with. APIs of chats keep nothing: each request says all that was said before, so those
that begin with the same words belong together.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from weighlock.model import Role, Text

_TURN = re.compile(r"/(messages|contents|input)/([0-9]+)/.*")
_NAMED = re.compile(r"/conversation(?:/id)?")
_INSTRUCTIONS = frozenset({"system", "developer"})


def opening(operation: str, texts: Iterable[Text], body: Any) -> tuple[str, ...]:
    """The name that the API gives the conversation, else its first turn that is no instruction; empty for what is no
    chat. Instructions do not count: they may tell the time.
    """
    turns: dict[int, list[str]] = {}
    said = []
    for text in texts:
        if _NAMED.fullmatch(text.pointer):
            return ("id", text.value)
        if match := _TURN.fullmatch(text.pointer):
            number = int(match[2])
            if text.role is Role.CONTENT and body.get(f"/{match[1]}/{number}/role") not in _INSTRUCTIONS:
                turns.setdefault(number, []).append(text.value)
        elif text.pointer == "/input" and operation.startswith("responses"):
            said.append(text.value)
    return tuple(turns[min(turns)] if turns else said)
