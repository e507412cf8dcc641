"""The two ends of held requests: a crowd of clients, a process of its own, and a model host that keeps time.

`python crowds.py JOB` opens as many connections as the job says, with a request on each, and says a line for each that
is sent and for each answer. Times are of the machine's monotonic clock, which both share.
"""

from __future__ import annotations

import asyncio
import json
import re
import ssl
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from exchange import PROSE

from demo.gateway import Gateway
from demo.model_host import ModelHost

PAUSE, WAYS = 0.5, 16
"""Seconds between two requests that are held, on each of so many ways in."""
UNAVAILABLE = 503


def mark(text: str) -> str:
    """The words by which a prompt of the crowd is known."""
    return " ".join(text.split(" ", 2)[:2])


class Host(ModelHost):
    """Keeps when each request was there, by its mark."""

    def __init__(self, folder: Path) -> None:
        self.seen: dict[str, float] = {}
        super().__init__(folder)

    async def answer(self, head: bytes, body: bytes, writer: asyncio.StreamWriter) -> None:
        self.seen[mark(json.loads(body)["messages"][-1]["content"])] = time.monotonic()
        await super().answer(head, body, writer)


async def crowd(job: dict[str, Any]) -> None:
    trust = ssl.create_default_context(cafile=job["ca"])
    sent = asyncio.Semaphore(WAYS)

    async def answered(reader: asyncio.StreamReader) -> int:
        answer = await reader.readuntil(b"\r\n\r\n")
        length = re.search(rb"content-length: (\d+)", answer, re.IGNORECASE)
        await reader.readexactly(int(length[1]) if length else 0)
        print("status", status := int(answer.split()[1]), flush=True)
        return status

    async def one(number: int) -> None:
        said = f"{job['seed']} {number} {PROSE * 30}"[:2000]
        body = json.dumps({"model": "demo", "messages": [{"role": "user", "content": said}]}).encode()
        head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost:{job['port']}\r\n"
        head += f"authorization: Bearer {job['token']}\r\ncontent-type: application/json\r\n"
        async with sent:
            reader, writer = await asyncio.open_connection("127.0.0.1", job["proxy"])
            writer.write(b"CONNECT localhost:%d HTTP/1.1\r\nhost: localhost:%d\r\n\r\n" % (job["port"], job["port"]))
            await reader.readuntil(b"\r\n\r\n")
            await writer.start_tls(trust, server_hostname="localhost")
            writer.write(request := f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
            print("sent", flush=True)
            await (asyncio.sleep(PAUSE) if job["held"] else answered(reader))
        while job["held"] and await answered(reader) == UNAVAILABLE:
            await asyncio.sleep(1)
            writer.write(request)
        await asyncio.sleep(3600)

    await asyncio.gather(*(one(number) for number in range(job["count"])))


class Crowd:
    """Stays connected until it is closed."""

    def __init__(self, gateway: Gateway, token: str, count: int, seed: int, *, held: bool) -> None:
        job = {"ca": str(gateway.ca), "proxy": gateway.port, "port": gateway.host.port, "token": token}
        command = [sys.executable, __file__, json.dumps(job | {"count": count, "seed": seed, "held": held})]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def __iter__(self) -> Iterator[str]:
        assert self._process.stdout is not None
        return iter(self._process.stdout)

    def wait(self, word: str, count: int) -> None:
        """Until there are so many lines with *word* in them."""
        lines = (line for line in self if word in line)
        for _ in range(count):
            next(lines)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


if __name__ == "__main__":
    asyncio.run(crowd(json.loads(sys.argv[1])))
