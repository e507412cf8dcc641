"""The two ends of a measured stream, each a process of its own: a model host that keeps time, and clients.

`python paced.py host FOLDER` reads the words to say from stdin. A request's `seed` is the number of its stream, its
`max_completion_tokens` are the deltas, and its last message is the SHAPE in which words are cut. `python paced.py
clients` reads a job from stdin and writes what it saw. Times are of the machine's monotonic clock, which both share.
"""

from __future__ import annotations

import asyncio
import json
import random
import ssl
import sys
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

from demo.model_host import ModelHost, event, write_chunk

GAP = 0.02
SHAPES = ("a space before each word", "a space behind each word")


def deltas(words: Sequence[str], seed: int, count: int, shape: str) -> list[str]:
    """What stream *seed* says: a part of *words*, every eighth another, so that no two have a sentence in common."""
    chance = random.Random(seed)
    said = [words[(seed * count + at) % len(words)] if at % 8 else chance.choice(words) for at in range(count)]
    return [f" {word}" if shape == SHAPES[0] else f"{word} " for word in said]


class PacedHost(ModelHost):
    """Says when it sent what: `GET /sent` has the times of each stream's deltas since it was last asked."""

    def __init__(self, folder: Path, words: Sequence[str]) -> None:
        self.words, self.sent = words, dict[int, list[float]]()
        super().__init__(folder, GAP)

    async def answer(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        if head.startswith(b"GET /sent "):
            text, self.sent = json.dumps(self.sent).encode(), {}
            writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\n\r\n" % len(text) + text)
            return
        asked = json.loads(body)
        shape, seed = asked["messages"][-1]["content"], asked["seed"]
        said = deltas(self.words, seed, asked["max_completion_tokens"], shape)
        times = self.sent[seed] = []
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-type: text/event-stream\r\ntransfer-encoding: chunked\r\n\r\n")
        write_chunk(writer, event({"role": "assistant", "content": ""}))
        due = time.monotonic()
        for delta in said:
            await asyncio.sleep(due - time.monotonic())
            times.append(time.monotonic())
            write_chunk(writer, event({"content": delta}))
            await writer.drain()
            due += self.gap
        write_chunk(writer, event({}, "stop") + b"data: [DONE]\n\n")
        writer.write(b"0\r\n\r\n")


class Client:
    """One connection, kept alive over its streams."""

    def __init__(self, job: dict[str, Any]) -> None:
        self.job = job
        self._headers = "".join(f"{name}: {value}\r\n" for name, value in job["headers"].items())

    async def connect(self) -> None:
        job, trust = self.job, ssl.create_default_context(cafile=self.job["ca"])
        if not job["proxy"]:
            self.reader, self.writer = await asyncio.open_connection(
                "127.0.0.1", job["port"], ssl=trust, server_hostname="localhost"
            )
            return
        self.reader, self.writer = await asyncio.open_connection("127.0.0.1", job["proxy"])
        self.writer.write(b"CONNECT localhost:%d HTTP/1.1\r\nhost: localhost:%d\r\n\r\n" % (job["port"], job["port"]))
        answer = await self.reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in answer.partition(b"\r\n")[0]:
            raise RuntimeError("no tunnel")
        await self.writer.start_tls(trust, server_hostname="localhost")

    async def stream(self, seed: int, deltas: int) -> dict[str, Any]:
        """When it was asked for, when each delta with content came, and whether it ended as it should."""
        chat = {"model": "demo", "stream": True, "seed": seed, "max_completion_tokens": deltas}
        body = json.dumps(chat | {"messages": [{"role": "user", "content": self.job["shape"]}]}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost:{self.job['port']}\r\n{self._headers}"
        length = f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n"
        seen: dict[str, Any] = {"seed": seed, "asked": time.monotonic(), "got": [], "whole": False}
        self.writer.write((head + length).encode() + body)
        answer = await self.reader.readuntil(b"\r\n\r\n")
        if b" 200 " not in answer.partition(b"\r\n")[0]:
            return seen
        try:
            async for data, now in self._events():
                if data == b"[DONE]":
                    seen["whole"] = len(seen["got"]) == deltas
                # One in which nothing is left of a value that began before it, has come as well.
                elif any({*choice["delta"]} == {"content"} for choice in json.loads(data).get("choices", ())):
                    seen["got"].append(now)
        except (asyncio.IncompleteReadError, ConnectionError):
            seen["whole"] = False
            await self.connect()
        return seen

    async def _events(self) -> AsyncIterator[tuple[bytes, float]]:
        rest = b""
        while size := int(await self.reader.readline(), 16):
            *whole, rest = (rest + (await self.reader.readexactly(size + 2))[:-2]).split(b"\n\n")
            now = time.monotonic()
            for one in whole:
                if not one.startswith(b":"):
                    yield one.removeprefix(b"data: "), now
        await self.reader.readline()

    async def work(self, start: float, seeds: Sequence[int]) -> list[dict[str, Any]]:
        await asyncio.sleep(start - time.monotonic())
        return [await self.stream(seed, self.job["deltas"]) for seed in seeds]


async def clients(job: dict[str, Any]) -> list[dict[str, Any]]:
    """Each begins at another moment, so that they do not speak in step; each has had a short stream before."""
    every = [Client(job) for _ in range(job["clients"])]
    for number, client in enumerate(every):
        await client.connect()
        if not (await client.stream(job["seed"] + number, 2))["whole"]:
            raise RuntimeError("not every stream is let through")
    begin, span = time.monotonic() + 0.1, job["deltas"] * GAP
    work = []
    for number, client in enumerate(every):
        first = job["seed"] + len(every) + number * job["streams"]
        work.append(client.work(begin + span * number / len(every), range(first, first + job["streams"])))
    async with asyncio.timeout(job["seconds"]):
        done = [one for seen in await asyncio.gather(*work) for one in seen]
    for client in every:
        client.writer.close()
    return done


def main() -> None:
    if sys.argv[1] == "clients":
        print(json.dumps(asyncio.run(clients(json.loads(sys.stdin.read())))))
        return
    host = PacedHost(Path(sys.argv[2]), sys.stdin.readline().split())
    print(host.port, flush=True)
    sys.stdin.read()
    host.stop()


if __name__ == "__main__":
    main()
