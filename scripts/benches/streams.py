"""Streams of a chat, many at once: direct, through bare mitmdump, and through weighlock, in turns in one run.

A stream is 64 deltas of a word, 20 ms apart. What is added is against the direct route of the same round; what is later
than bare mitmdump's is weighlock's own. A word
whose end has not been seen may go on, so that it waits for the next delta is inherent where words come with their space
before them, as most models cut them; one stream is measured with the space behind them, too. So may any word begin an
address in words: "as written" is a policy that lets those pass in replies (`spoken_in_replies: pass`). With models that
find names a segment is read whole, so there the time from a segment's last delta on counts as well.
"""

from __future__ import annotations

import contextlib
import http.client
import itertools
import json
import os
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import corpora
import paced
from exchange import Route, bare_mitmdump
from figures import Figure, Goal, figure

from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from weighlock.segments import Segmenter

RUNS, DELTAS, WORDS = 3, 64, 150_000
PATIENCE = 240
"""Seconds."""
STREAMS = {1: 10, 16: 2, 64: 2, 200: 1}
"""How many at once, and how many each client asks for, one after another."""
PATTERNS, WRITTEN, NAMES = "weighlock, patterns", "weighlock, patterns as written", "weighlock, patterns and names"
FIRST, LATER = 5.0, 40.0
"""Milliseconds: later than bare mitmdump's where patterns alone are looked for, and from a first segment's end on where
names are.
"""
TICKS = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True, slots=True)
class Measured:
    """Times in ms, in order: *late* from when a delta was sent, *ended* from its segment's end."""

    first: list[float]
    late: list[float]
    gap: list[float]
    ended: list[float]
    asked: int
    whole: int
    waited: int
    """Streams whose first content came after their second delta was sent."""
    cpu: float
    """Milliseconds of processor time for each stream."""
    memory: float
    """MB more, at most, than before the streams began."""


def measure(route: Route, host: PacedProcess, clients: int, shape: str, seed: int) -> Measured:
    job = {"deltas": DELTAS, "seconds": PATIENCE, "clients": clients, "streams": STREAMS[clients]}
    job |= route.job | {"shape": shape, "seed": seed}
    command = [sys.executable, paced.__file__, "clients"]
    with _watched(route.pid) as used:
        done = subprocess.run(command, input=json.dumps(job), stdout=subprocess.PIPE, text=True, check=True)
    return _measured(json.loads(done.stdout), host, shape, used)


class PacedProcess:
    def __init__(self, folder: Path, words: Sequence[str]) -> None:
        self.words, self.ca = words, folder / "ca.pem"
        command = [sys.executable, paced.__file__, "host", str(folder)]
        self._process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(" ".join(words) + "\n")
        self._process.stdin.flush()
        self.port = int(self._process.stdout.readline())

    def sent(self) -> Mapping[str, list[float]]:
        trust = ssl.create_default_context(cafile=self.ca)
        connection = http.client.HTTPSConnection("localhost", self.port, context=trust, timeout=60)
        connection.request("GET", "/sent")
        sent: Mapping[str, list[float]] = json.loads(connection.getresponse().read())
        connection.close()
        return sent

    def stop(self) -> None:
        self._process.communicate()


def _measured(seen: Sequence[Mapping[str, Any]], host: PacedProcess, shape: str, used: SimpleNamespace) -> Measured:
    sent, first, late, gap, ended = host.sent(), [], [], [], []
    waited = 0
    whole = [one for one in seen if one["whole"]]
    for one in whole:
        got, ends = one["got"], _ends(paced.deltas(host.words, one["seed"], DELTAS, shape))
        times = sent[str(one["seed"])]
        first.append(got[0] - one["asked"])
        waited += got[0] > times[1]
        late += [there - begun for there, begun in zip(got, times, strict=True)]
        gap += [after - before for before, after in itertools.pairwise(got)]
        ended.append(max(0.0, got[0] - times[ends[0]]))
    lists = ([time * 1000 for time in sorted(times)] for times in (first, late, gap, ended))
    return Measured(*lists, len(seen), len(whole), waited, used.cpu * 1000 / len(seen), used.memory)


def _ends(deltas: Sequence[str]) -> list[int]:
    """For each delta, the one with which its segment is complete."""
    segmenter, ends = Segmenter(), list[int]()
    closed = fed = 0
    borders = []
    for at, delta in enumerate(deltas):
        fed += len(delta)
        borders.append(fed)
        closed += sum(map(len, segmenter.feed(delta)))
        while len(ends) < at and borders[len(ends)] <= closed:
            ends.append(at)
    return ends + [len(deltas) - 1] * (len(deltas) - len(ends))


@contextlib.contextmanager
def _watched(pid: int) -> Iterator[SimpleNamespace]:
    """What the process and all below it use meanwhile: seconds of processor time, and MB more than before."""
    used, over = SimpleNamespace(cpu=0.0, memory=0.0), threading.Event()
    if not pid:
        yield used
        return
    cpu, memory = _usage(pid)

    def watch() -> None:
        while not over.wait(0.1):
            used.memory = max(used.memory, _usage(pid)[1] - memory)

    watching = threading.Thread(target=watch)
    watching.start()
    try:
        yield used
    finally:
        over.set()
        watching.join()
        used.cpu = _usage(pid)[0] - cpu


def _usage(pid: int) -> tuple[float, float]:
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    cpu, memory = (int(fields[11]) + int(fields[12])) / TICKS, int(fields[21]) * os.sysconf("SC_PAGE_SIZE") / 1e6
    for path in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in path.read_text().split():
            below = _usage(int(child))
            cpu, memory = cpu + below[0], memory + below[1]
    return cpu, memory


def run(progress: Callable[[str], None]) -> list[Figure]:
    measured: dict[tuple[str, str, int], list[Measured]] = {}
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        progress("starting the model host, bare mitmdump and three gateways")
        issuer, host = DemoIssuer(), PacedProcess(Path(folder) / "host", corpora.text(WORDS).split())
        stack.callback(issuer.stop)
        stack.callback(host.stop)
        routes = {"direct": Route(host.ca, host.port)}
        bare = bare_mitmdump(Path(folder) / "bare", host, stream_large_bodies="1")
        routes["bare mitmdump"] = stack.enter_context(bare)
        for name, ner in ((PATTERNS, "none"), (WRITTEN, "none"), (NAMES, "")):
            own = {"weighlock_workers": "2"} | ({"weighlock_ner": ner} if ner else {})
            made = Gateway(Path(folder) / name, issuer, host, options=own)
            if name == WRITTEN:
                policy = made.rules / "policy" / "default.yaml"
                policy.write_text(f"spoken_in_replies: pass\n{policy.read_text()}")
            gateway = stack.enter_context(made)
            assert gateway.process is not None
            token = gateway.token(lifetime=3600)
            routes[name] = Route(gateway.ca, host.port, gateway.port, token, gateway.process.pid)
        seed = 0
        for turn in range(RUNS):
            for clients, streams in STREAMS.items():
                for shape in _shapes(clients):
                    for name, route in routes.items():
                        if name == WRITTEN and clients > 1:
                            continue
                        progress(f"round {turn + 1} of {RUNS}: {name}, {clients} at once, {shape}")
                        one = measure(route, host, clients, shape, seed)
                        measured.setdefault((name, shape, clients), []).append(one)
                    seed += clients * (streams + 1)
    return [one for clients in STREAMS for shape in _shapes(clients) for one in _figures(measured, shape, clients)]


def _shapes(clients: int) -> Sequence[str]:
    return paced.SHAPES if clients == 1 else paced.SHAPES[:1]


def _figures(measured: Mapping[tuple[str, str, int], Sequence[Measured]], shape: str, clients: int) -> Iterator[Figure]:
    """Of weighlock, beside bare mitmdump; what is added is added to the direct route of the same round."""
    direct, bare = measured["direct", shape, clients], measured["bare mitmdump", shape, clients]
    for name in (PATTERNS, WRITTEN, NAMES):
        if (name, shape, clients) not in measured:
            continue
        label, rounds = f"{name}, {clients} at once, {shape}", measured[name, shape, clients]
        for field, what in (("first", "first content"), ("late", "each delta"), ("gap", "gap between two")):
            for share in (0.5, 0.99) if field != "gap" else (0.99,):
                added = [
                    [_at(getattr(one, field), share) - _at(getattr(base, field), share) for one, base in pairs]
                    for pairs in (zip(rounds, direct, strict=True), zip(bare, direct, strict=True))
                ]
                yield figure(f"added to {what}, p{share * 100:g}: {label}", "ms", *added)
        if clients == 1 and name == WRITTEN and shape == paced.SHAPES[1]:
            goal = Goal(FIRST, least=False)
            for field, what in (("first", "first content"), ("late", "each delta")):
                own, theirs = (
                    [_at(getattr(one, field), 0.5) - _at(getattr(base, field), 0.5) for one, base in pairs]
                    for pairs in (zip(rounds, bare, strict=True), zip(bare, direct, strict=True))
                )
                yield figure(f"{what} later than bare mitmdump's, p50: {label}", "ms", own, theirs, goal)
            waited = [[one.waited / one.whole for one in found] for found in (rounds, bare)]
            yield figure(f"streams whose first word waits for the next delta: {label}", "share", *waited)
        if name == NAMES:
            late = [[_at(one.ended, 0.5) for one in found] for found in (rounds, bare)]
            goal = Goal(LATER, least=False) if clients == 1 else None
            yield figure(f"first content after its segment's end, p50: {label}", "ms", *late, goal)
        whole = [[one.whole / one.asked for one in found] for found in (rounds, bare)]
        yield figure(f"streams without loss: {label}", "share", *whole, Goal(1.0))
        yield figure(f"processor time of a stream: {label}", "ms", *([m.cpu for m in of] for of in (rounds, bare)))
        if clients == max(STREAMS):
            sizes = ([one.memory / clients for one in found] for found in (rounds, bare))
            yield figure(f"memory of a stream: {label}", "MB", *sizes)


def _at(times: Sequence[float], share: float) -> float:
    return statistics.median(times) if share == 0.5 else times[min(len(times) - 1, int(len(times) * share))]
