"""What of a stream leaves before its segment is complete, and how policy decides it."""

from __future__ import annotations

import asyncio
import re
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clients import sdk
from demo.gateway import Gateway
from demo.model_host import ModelHost, event, write_chunk

Make = Callable[..., Gateway]
PATIENCE = 3.0
"""Seconds that the model waits for its client to have seen enough."""


class Waiting(ModelHost):
    """Says a beginning, and goes on when the client has `seen` enough of it, or too late."""

    def __init__(self, folder: Path) -> None:
        self.seen, self.late = threading.Event(), False
        super().__init__(folder)

    async def stream(self, writer: asyncio.StreamWriter, text: str, size: int = 5) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        for word in ("We ", "asked ", "maria "):
            write_chunk(writer, event({"content": word}))
        await writer.drain()
        self.late = not await asyncio.to_thread(self.seen.wait, PATIENCE)
        write_chunk(writer, event({"content": "at example dot com, and jane@example.com."}))
        write_chunk(writer, event({}, "stop") + b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")


@pytest.fixture
def waiting(tmp_path: Path) -> Iterator[Waiting]:
    host = Waiting(tmp_path / "host")
    yield host
    host.stop()


def answered(gateway: Gateway, host: Waiting, enough: str) -> tuple[str, str]:
    """What the client had seen when *enough* was among it, in time; and all of it in the end.

    The first streams may come before what tells of early release is ready: they wait for whole segments.
    """
    host.late = True
    while host.late:
        host.seen.clear()
        text = early = ""
        with sdk(gateway).chat.completions.create(
            model="demo", messages=[{"role": "user", "content": "hello"}], stream=True
        ) as stream:
            for chunk in stream:
                text += chunk.choices[0].delta.content or ""
                if not early and enough in text:
                    early = text
                    host.seen.set()
    return early, text


def test_a_word_that_may_begin_an_address_in_words_waits_for_the_next(make: Make, waiting: Waiting) -> None:
    with make(host=waiting) as gateway:
        early, text = answered(gateway, waiting, "asked")

    assert early == "We asked "
    assert re.fullmatch(r"We asked <EMAIL_ADDRESS_\w+>, and <EMAIL_ADDRESS_\w+>\.", text)


def test_it_leaves_at_once_where_policy_lets_pass_what_replies_say_in_words(make: Make, waiting: Waiting) -> None:
    gateway = make(host=waiting)
    policy = gateway.rules / "policy" / "default.yaml"
    policy.write_text(f"spoken_in_replies: pass\n{policy.read_text()}")
    with gateway:
        early, text = answered(gateway, waiting, "maria")

    assert early == "We asked maria "
    assert re.fullmatch(r"We asked maria at example dot com, and <EMAIL_ADDRESS_\w+>\.", text)
