"""The names of the tools that a request puts before the model, or that it calls itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from weighlock.dialects.base import Body
from weighlock.dialects.gemini_fields import snake
from weighlock.wire.jsontext import Document

_NAMED = ("name", "server_label", "mcp_server_name")
_WRAPPED = ("function", "custom")
"""Members of a tool that hold its name, and types that say nothing of it."""
_INNER = ("params", "generateContentRequest", "generate_content_request")
_ELSEWHERE = ("cachedContent", "cached_content")


class _Unknown(Exception):
    pass


def named(dialect: str, operation: str, body: Body | None, *, socket: bool = False) -> tuple[str, ...] | None:
    """Sorted; as their API calls what it has built in, else as the client does. None where nobody can tell: they stand
    elsewhere (in a file, a stored prompt, a message that is still to come), or in a form that is not known.
    """
    if socket or dialect == "generic" or operation == "files.create":
        return None
    if not isinstance(body, Document):
        return ()
    try:
        return tuple(sorted(set(_called(body.value) if dialect == "mcp" else _offered(dialect, body.value))))
    except _Unknown:
        return None


def _called(value: Any) -> Iterator[str]:
    """Of JSON-RPC, one message or a batch."""
    for message in value if isinstance(value, list) else [value]:
        if message.get("method") == "tools/call":
            yield _text(_mapping(message.get("params")).get("name"))


def _offered(dialect: str, value: Any) -> Iterator[str]:
    if not isinstance(value, dict):
        return
    if any(value.get(name) for name in _ELSEWHERE) or (dialect == "openai" and isinstance(value.get("prompt"), dict)):
        raise _Unknown
    for tool in (*_listed(value, "tools"), *_listed(value, "functions"), *_listed(value, "mcp_servers")):
        yield from _function_declarations(tool) if dialect == "gemini" else _tool(tool)
    if value.get("web_search_options") is not None:
        yield "web_search"
    for inner in (*(value[name] for name in _INNER if name in value), *_listed(value, "requests", strict=False)):
        yield from _offered(dialect, inner)


def _tool(tool: dict[str, Any]) -> Iterator[str]:
    kind = tool.get("type")
    if kind is not None and kind not in _WRAPPED:
        yield _text(kind)
    for name in _NAMED:
        if name in tool:
            yield _text(tool[name])
    for wrapped in _WRAPPED:
        if wrapped in tool:
            yield _text(_mapping(tool[wrapped]).get("name"))


def _function_declarations(tool: dict[str, Any]) -> Iterator[str]:
    for name, held in tool.items():
        if snake(name) == "function_declarations":
            for declared in _listed(tool, name):
                yield _text(declared.get("name"))
        elif held is not None:
            yield snake(name)


def _listed(value: dict[str, Any], name: str, *, strict: bool = True) -> list[dict[str, Any]]:
    held = value.get(name)
    if held is None or (not strict and not isinstance(held, list)):
        return []
    if not isinstance(held, list):
        raise _Unknown
    return [_mapping(item) for item in held]


def _mapping(value: Any) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise _Unknown
    return value


def _text(value: Any) -> str:
    if not isinstance(value, str):
        raise _Unknown
    return str(value)
