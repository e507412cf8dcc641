"""A model host that answers in the words of each API, from tests/dialects/upstream: what its documentation shows.

Each answer says SAID in every place where a model's words stand, with a card number, and THOUGHT, with an address,
where it thinks; a stream cuts both in the middle of what has to be masked.
"""

from __future__ import annotations

import asyncio
import json
from functools import cache
from pathlib import Path
from typing import Any

from demo.model_host import ModelHost, write_chunk

FOLDER = Path(__file__).parent / "dialects" / "upstream"
CARD, ADDRESS = "4111 1111 1111 1111", "maria.lopez@example.com"
SAID = f"The card on file is {CARD}, and it expires next year."
THOUGHT = f"The customer wrote from {ADDRESS} about it."
MASKED = SAID.replace(CARD, "***************1111")
MASKED_THOUGHT = r"The customer wrote from <EMAIL_ADDRESS_\w+> about it\."
"""A pattern."""


@cache
def answers() -> dict[str, Any]:
    """By the file's name."""
    return {path.stem: json.loads(path.read_text()) for path in sorted(FOLDER.glob("*.json"))}


class Upstream(ModelHost):
    def __init__(self, folder: Path) -> None:
        super().__init__(folder, gap=0)

    async def answer(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        method, target = head.decode().split(" ", 2)[:2]
        path, asked = target.partition("?")[0], json.loads(body or b"{}")
        streams = path.endswith(":streamGenerateContent") or asked.get("stream", path in ("/api/chat", "/api/generate"))
        path = path.replace(":streamGenerateContent", ":generateContent")
        found = [one for one in answers().values() if (one["method"], one["path"]) == (method, path)]
        if not found:
            writer.write(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\n\r\n")
        elif streams:
            await self.stream_of(found[0]["stream"], writer)
        else:
            reply = json.dumps(found[0]["reply"]).encode()
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: application/json\r\n")
            writer.write(b"content-length: %d\r\n\r\n" % len(reply) + reply)

    async def stream_of(self, stream: dict[str, Any], writer: asyncio.StreamWriter) -> None:
        head = f"HTTP/1.1 200 OK\r\ncontent-type: {stream['media']}\r\ntransfer-encoding: chunked\r\n\r\n"
        writer.write(head.encode())
        for frame in stream["frames"]:
            data = frame["data"] if isinstance(frame["data"], str) else json.dumps(frame["data"])
            if stream["media"] == "text/event-stream":
                named = f"event: {frame['event']}\n" if "event" in frame else ""
                data = f"{named}data: {data}\n"
            write_chunk(writer, f"{data}\n".encode())
            await writer.drain()
            await asyncio.sleep(self.gap)
        writer.write(b"0\r\n\r\n")
