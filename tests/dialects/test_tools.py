from __future__ import annotations

from typing import Any

import pytest

from weighlock.dialects.tools import named
from weighlock.wire.jsontext import Document
from weighlock.wire.multipart import Form

CASES: dict[str, tuple[str, Any, tuple[str, ...] | None]] = {
    "none": ("openai", {"messages": []}, ()),
    "chat": ("openai", {"tools": [{"type": "function", "function": {"name": "shell"}}]}, ("shell",)),
    "chat of before": ("openai", {"functions": [{"name": "shell"}]}, ("shell",)),
    "chat, custom": ("openai", {"tools": [{"type": "custom", "custom": {"name": "sql"}}]}, ("sql",)),
    "chat, search": ("openai", {"web_search_options": {}}, ("web_search",)),
    "responses": (
        "openai",
        {"tools": [{"type": "mcp", "server_label": "crm"}, {"type": "function", "name": "f"}, {"type": "shell"}]},
        ("crm", "f", "mcp", "shell"),
    ),
    "a stored prompt": ("openai", {"prompt": {"id": "pmpt_1"}}, None),
    "messages": ("anthropic", {"tools": [{"type": "bash_20250124", "name": "bash"}]}, ("bash", "bash_20250124")),
    "messages, servers": ("anthropic", {"mcp_servers": [{"type": "url", "name": "crm"}]}, ("crm", "url")),
    "a batch": ("anthropic", {"requests": [{"params": {"tools": [{"name": n}]}} for n in "ba"]}, ("a", "b")),
    "gemini": (
        "gemini",
        {"tools": [{"functionDeclarations": [{"name": "f"}]}, {"googleSearch": {}}, {"code_execution": {}}]},
        ("code_execution", "f", "google_search"),
    ),
    "gemini, counted": (
        "gemini",
        {"generateContentRequest": {"tools": [{"function_declarations": [{"name": "f"}]}]}},
        ("f",),
    ),
    "gemini, cached": ("gemini", {"cachedContent": "cachedContents/1"}, None),
    "mcp": ("mcp", {"jsonrpc": "2.0", "method": "tools/call", "params": {"name": "query"}}, ("query",)),
    "mcp, a batch": (
        "mcp",
        [{"method": "tools/call", "params": {"name": "query"}}, {"method": "ping"}, {"result": {"tools": []}}],
        ("query",),
    ),
    "mcp, nameless": ("mcp", {"method": "tools/call"}, None),
    "tools that are no list": ("openai", {"tools": {"name": "shell"}}, None),
    "a tool that is no mapping": ("openai", {"tools": ["shell"]}, None),
    "a name that is no text": ("ollama", {"tools": [{"function": {"name": ["shell"]}}]}, None),
    "anything": ("generic", {"tools": []}, None),
}


@pytest.mark.parametrize("name", CASES)
def test_tools_are_told_by_name(name: str) -> None:
    dialect, value, expected = CASES[name]
    assert named(dialect, "any", Document(value)) == expected


def test_what_no_body_offers_is_nothing_and_what_is_still_to_come_nobody_can_tell() -> None:
    assert named("openai", "models.list", None) == ()
    assert named("openai", "audio.transcriptions", Form((), b"")) == ()
    assert named("openai", "files.create", Form((), b"")) is None
    assert named("openai", "realtime", None, socket=True) is None
    assert named("generic", "GET any", None) is None
