"""Five hundred requests that are held, beside a live load; how soon a decision lets go; memory of each.

The live load is that of `gateway`: a client of its own with keep-alive connections, each of which asks again as soon as
it is answered, so that the event loop is never idle. Those who are held are another client, each on a connection of its
own with another prompt of 2 kB. They come as pipelines do, not all at once: no more than 32 a second, and again after a
second where too many texts wait to be inspected. Only patterns are looked for.

In turns: the live load alone, then with all that are held. Then decisions, each by itself, at a person's pace, without
the live load and beside it; and at last many at once. Each is timed from the moment at which the approver has the
console's answer to the one at which the model host has the request: another connection to it lies between.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import re
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

from crowds import Crowd, Host, mark
from exchange import Route
from figures import Figure, Goal, figure

from demo.gateway import Gateway
from demo.issuer import DemoIssuer

RUNS, HELD, LIVE, REQUESTS = 3, 500, 2, 600
QUIET, BESIDE, BURST, APPROVERS = 100, 200, 100, 8
"""Decisions without the live load and beside it; those that are made at once, and by how many."""
PACE = 10
"""Decisions a second."""
RATIO, RELEASE = 1.2, 100.0
"""At most: the live load's p99 over that without the held ones; milliseconds from a decision to the model host."""
PATIENCE = 300.0
"""Seconds until what does not happen is given up."""
POLICY = (
    "statements:\n  - {id: held, effect: hold, direction: request, principals: {workloads: [export]},"
    " approvers: {groups: [security]}}\n"
)
OPTIONS = {"ner": "none", "hold_for": "1h", "hold_limit": "2000", "hold_share": "2000", "hold_grace": "1s"}


class Console:
    """An approver at one connection."""

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

    def approve(self, id: str) -> float:
        """When the answer was there."""
        self.ask("POST", f"/{id}/decision", '{"approve": true}')
        return time.monotonic()

    def mark(self, id: str) -> str:
        return mark(self.ask("GET", f"/{id}")["prompt"][0]["text"])

    def pending(self, count: int) -> list[str]:
        """As soon as there are so many."""
        until, ids = time.monotonic() + PATIENCE, list[str]()
        while time.monotonic() < until:
            ids = [one["id"] for one in self.ask("GET", "") if one["state"] == "pending"]
            if len(ids) == count:
                return ids
            time.sleep(0.2)
        raise RuntimeError(f"{len(ids)} requests are held, not {count}")


def memory(gateway: Gateway) -> float:
    """Resident, in kB."""
    assert gateway.process is not None
    status = Path(f"/proc/{gateway.process.pid}/status").read_text()
    found = re.search(r"VmRSS:\s+(\d+)", status)
    return float(found[1]) if found else 0.0


def one_by_one(console: Console, ids: Sequence[str]) -> dict[str, float]:
    """When each was decided, by its id: PACE a second."""
    began, decided = time.monotonic(), {}
    for number, id in enumerate(ids):
        time.sleep(max(0.0, began + number / PACE - time.monotonic()))
        decided[id] = console.approve(id)
    return decided


def at_once(consoles: Sequence[Console], ids: Sequence[str]) -> dict[str, float]:
    shares = [ids[number :: len(consoles)] for number in range(len(consoles))]
    with ThreadPoolExecutor(len(consoles)) as approvers:
        done = approvers.map(lambda console, share: [console.approve(id) for id in share], consoles, shares)
        return {id: at for share, times in zip(shares, done, strict=True) for id, at in zip(share, times, strict=True)}


def p99(host: Host, marks: dict[str, str], decided: dict[str, float]) -> float:
    """Milliseconds from a decision until *host* had the request."""
    until = time.monotonic() + PATIENCE
    while not all(marks[id] in host.seen for id in decided):
        if time.monotonic() > until:
            raise RuntimeError("not every approved request reached the model host")
        time.sleep(0.05)
    times = sorted((host.seen[marks[id]] - at) * 1000 for id, at in decided.items())
    return times[min(len(times) - 1, int(len(times) * 0.99))]


@contextlib.contextmanager
def going_on(live: Route) -> Iterator[None]:
    """The live load, for as long as the block lasts."""
    over = threading.Event()

    def load() -> None:
        while not over.is_set():
            live.measure(LIVE, REQUESTS // 4)

    with ThreadPoolExecutor(1) as thread:
        loading = thread.submit(load)
        try:
            time.sleep(1)  # until its connections are open
            yield
        finally:
            over.set()
            loading.result()


def run(progress: Callable[[str], None]) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        progress("starting the model host and the gateway")
        issuer, host = DemoIssuer(), Host(Path(folder) / "host")
        stack.callback(issuer.stop)
        stack.callback(host.stop)
        options = {f"weighlock_{name}": value for name, value in OPTIONS.items()}
        gateway = Gateway(Path(folder) / "gateway", issuer, host, options=options)
        (gateway.rules / "policy" / "held.yaml").write_text(POLICY)
        stack.enter_context(gateway)
        live = Route(gateway.ca, host.port, gateway.port, gateway.token())
        live.measure(LIVE, REQUESTS)  # warm
        alone, beside, quiet, released, burst, idle, held = (list[float]() for _ in range(7))
        for turn in range(RUNS):
            progress(f"round {turn + 1} of {RUNS}: the live load alone")
            alone.append(live.measure(LIVE, REQUESTS)[1])
            progress(f"round {turn + 1} of {RUNS}: {HELD} that are held")
            before, console = memory(gateway), Console(gateway)
            crowd = Crowd(gateway, gateway.token(project_id=9), HELD, turn, held=True)
            stack.callback(crowd.close)
            crowd.wait("sent", HELD)
            ids = console.pending(HELD)
            held.append((memory(gateway) - before) / HELD)
            if not turn:  # later, memory that was given back is used again
                progress(f"{HELD} connections beside them that were answered")
                before = memory(gateway)
                others = Crowd(gateway, gateway.token(), HELD, turn, held=False)
                stack.callback(others.close)
                others.wait("status", HELD)
                idle.append((memory(gateway) - before) / HELD)
                others.close()
            beside.append(live.measure(LIVE, REQUESTS)[1])
            progress(f"round {turn + 1} of {RUNS}: decisions")
            marks = {id: console.mark(id) for id in ids[: QUIET + BESIDE + BURST]}
            quiet.append(p99(host, marks, one_by_one(console, ids[:QUIET])))
            with going_on(live):
                released.append(p99(host, marks, one_by_one(console, ids[QUIET : QUIET + BESIDE])))
            approvers = [Console(gateway) for _ in range(APPROVERS)]
            burst.append(p99(host, marks, at_once(approvers, ids[QUIET + BESIDE : QUIET + BESIDE + BURST])))
            crowd.wait("status 200", len(marks))
            crowd.close()
            console.pending(0)  # they are gone for good
    live_goal, release_goal = Goal(RATIO, least=False, ratio=True), Goal(RELEASE, least=False)
    return [
        figure(f"live p99, {LIVE} at once, beside {HELD} held", "ms", beside, alone, live_goal),
        figure(
            f"decided to at the model host, p99, {PACE}/s, beside the live load", "ms", released, quiet, release_goal
        ),
        figure(f"decided to at the model host, p99, {BURST} at once by {APPROVERS}", "ms", burst, quiet),
        figure("memory per held request, over an answered one's connection", "kB", held[:1], idle),
    ]
