"""Five hundred requests that are held, beside a live load; from a decision to the client's answer; memory of each.

The live load is that of `gateway`, a client of its own with keep-alive connections. So are those who are held, each on
a connection of its own with another prompt of 2 kB. Only patterns are looked for. In turns: the live load alone, then
with all that are held, then decisions one after another while it goes on.
"""

from __future__ import annotations

import asyncio
import contextlib
import http.client
import json
import re
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from exchange import PROSE, Route
from figures import Figure, Goal, figure

from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost

RUNS, HELD, LIVE, REQUESTS, DECISIONS = 3, 500, 2, 600, 100
PAUSE = 0.5
"""Seconds between two requests that are held, on each of 16 ways in."""
RATIO, RELEASE = 1.2, 100.0
"""At most: the live load's p99 over that without the held ones; milliseconds from a decision to the answer."""
POLICY = (
    "statements:\n  - {id: held, effect: hold, direction: request, principals: {workloads: [export]},"
    " approvers: {groups: [security]}}\n"
)
OPTIONS = {"ner": "none", "hold_for": "1h", "hold_limit": "2000", "hold_share": "2000", "hold_grace": "1s"}


async def crowd(job: dict[str, Any]) -> None:
    """`python approvals.py`: as many connections as *job* says, a request on each; a line for each answer."""
    trust = ssl.create_default_context(cafile=job["ca"])
    sent = asyncio.Semaphore(16)

    async def answered(reader: asyncio.StreamReader) -> None:
        answer = await reader.readuntil(b"\r\n\r\n")
        print(json.dumps({"at": time.monotonic(), "status": int(answer.split()[1])}), flush=True)

    async def one(number: int) -> None:
        async with sent:
            reader, writer = await asyncio.open_connection("127.0.0.1", job["proxy"])
            writer.write(b"CONNECT localhost:%d HTTP/1.1\r\nhost: localhost:%d\r\n\r\n" % (job["port"], job["port"]))
            await reader.readuntil(b"\r\n\r\n")
            await writer.start_tls(trust, server_hostname="localhost")
            said = f"{job['seed']} {number} {PROSE * 30}"[:2000]
            body = json.dumps({"model": "demo", "messages": [{"role": "user", "content": said}]}).encode()
            head = f"POST /v1/chat/completions HTTP/1.1\r\nhost: localhost:{job['port']}\r\n"
            head += f"authorization: Bearer {job['token']}\r\ncontent-type: application/json\r\n"
            writer.write(f"{head}content-length: {len(body)}\r\n\r\n".encode() + body)
            await writer.drain()
            print("sent", flush=True)
            # What is new to the gateway is inspected first, and the model host takes so many connections at once.
            await (asyncio.sleep(PAUSE) if job["held"] else answered(reader))
        if job["held"]:
            await answered(reader)
        await asyncio.sleep(3600)

    await asyncio.gather(*(one(number) for number in range(job["count"])))


class Crowd:
    """Stays connected until it is closed."""

    def __init__(self, gateway: Gateway, token: str, seed: int, *, held: bool) -> None:
        job = {"ca": str(gateway.ca), "proxy": gateway.port, "port": gateway.host.port, "token": token}
        command = [sys.executable, __file__, json.dumps(job | {"count": HELD, "seed": seed, "held": held})]
        self._process = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)

    def __iter__(self) -> Iterator[str]:
        assert self._process.stdout is not None
        return iter(self._process.stdout)

    def wait(self, word: str) -> None:
        """Until there is such a line from each."""
        lines = (line for line in self if word in line)
        for _ in range(HELD):
            next(lines)

    def close(self) -> None:
        self._process.kill()
        self._process.wait()


class Console:
    def __init__(self, gateway: Gateway) -> None:
        self._http = http.client.HTTPConnection("127.0.0.1", gateway.console_port, timeout=60)
        self._headers = {"authorization": f"Bearer {gateway.approver()}", "content-type": "application/json"}

    def ask(self, method: str, path: str, body: str | None = None) -> Any:
        self._http.request(method, f"/api/approvals{path}", body, self._headers)
        answer = self._http.getresponse()
        said = json.loads(answer.read())
        if answer.status != 200:
            raise RuntimeError(f"the console refuses: {said}")
        return said

    def pending(self, count: int) -> list[str]:
        """As soon as there are so many."""
        while True:
            ids = [one["id"] for one in self.ask("GET", "") if one["state"] == "pending"]
            if len(ids) == count:
                return ids
            time.sleep(0.2)


def memory(gateway: Gateway) -> float:
    """Resident, in kB."""
    assert gateway.process is not None
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return float(found[1]) if found else 0.0


def decisions(console: Console, crowd: Crowd, ids: list[str]) -> list[float]:
    """Milliseconds from each decision to the answer that its client gets."""
    answers, times = iter(crowd), []
    for id in ids:
        began = time.monotonic()
        console.ask("POST", f"/{id}/decision", '{"approve": true}')
        answer = json.loads(next(answers))
        if answer["status"] != 200:
            raise RuntimeError(f"an approved request was answered with {answer['status']}")
        times.append((answer["at"] - began) * 1000)
    return times


def run(progress: Callable[[str], None]) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        progress("starting the model host and the gateway")
        issuer, host = DemoIssuer(), ModelHost(Path(folder) / "host")
        stack.callback(issuer.stop)
        stack.callback(host.stop)
        options = {f"weighlock_{name}": value for name, value in OPTIONS.items()}
        gateway = Gateway(Path(folder) / "gateway", issuer, host, options=options)
        (gateway.rules / "policy" / "held.yaml").write_text(POLICY)
        stack.enter_context(gateway)
        live = Route(gateway.ca, host.port, gateway.port, gateway.token())
        live.measure(LIVE, REQUESTS)  # warm
        alone, beside, released, idle, held = (list[float]() for _ in range(5))
        for turn in range(RUNS):
            progress(f"round {turn + 1} of {RUNS}: the live load alone")
            alone.append(live.measure(LIVE, REQUESTS)[1])
            progress(f"round {turn + 1} of {RUNS}: {HELD} that are held")
            before, console = memory(gateway), Console(gateway)
            crowd = Crowd(gateway, gateway.token(project_id=9), turn, held=True)
            stack.callback(crowd.close)
            crowd.wait("sent")
            ids = console.pending(HELD)
            held.append((memory(gateway) - before) / HELD)
            if not turn:  # later, memory that was given back is used again
                progress(f"{HELD} connections beside them that were answered")
                before = memory(gateway)
                others = Crowd(gateway, gateway.token(), turn, held=False)
                stack.callback(others.close)
                others.wait("status")
                idle.append((memory(gateway) - before) / HELD)
                others.close()
            beside.append(live.measure(LIVE, REQUESTS)[1])
            progress(f"round {turn + 1} of {RUNS}: decisions")
            load = threading.Thread(target=live.measure, args=[LIVE, REQUESTS])
            load.start()
            took = sorted(decisions(console, crowd, ids[:DECISIONS]))
            load.join()
            released.append(took[min(len(took) - 1, int(len(took) * 0.99))])
            crowd.close()
            console.pending(0)  # they are gone for good
    live_goal, release_goal = Goal(RATIO, least=False, ratio=True), Goal(RELEASE, least=False)
    return [
        figure(f"live p99, {LIVE} at once, beside {HELD} held", "ms", beside, alone, live_goal),
        figure("from a decision to the answer, p99, over the live load's", "ms", released, beside, release_goal),
        figure("memory per held request, over an answered one's connection", "kB", held[:1], idle),
    ]


if __name__ == "__main__":
    asyncio.run(crowd(json.loads(sys.argv[1])))
