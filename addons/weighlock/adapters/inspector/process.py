"""An inspector's process, as the gateway speaks with it: one question at a time."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import weighlock
from weighlock import errors
from weighlock.adapters.inspector import frames
from weighlock.adapters.material import Material
from weighlock.detection.rules import RuleSet
from weighlock.errors import Unavailable
from weighlock.model import Finding, Level, Text

SMALL = 4096
"""Code points or bytes up to which the event loop cuts and packs texts itself: asking a thread takes longer."""
START = 60.0
"""Seconds in which a worker must have loaded its model."""

_UNKNOWN = "unknown"
"""In place of a digest."""


class Gone(Exception):
    """The worker died, or answered with something that is no answer."""


class Inspector:
    def __init__(self, key: bytes, ner: str) -> None:
        self._key, self._ner = key, ner
        self._process: asyncio.subprocess.Process | None = None
        self._digest = self._material = ""

    async def start(self) -> None:
        self._digest = self._material = ""
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
            if not (await self._ask({"key": self._key.hex(), "ner": self._ner})).get("ready"):
                raise Gone

    async def inspect(self, texts: Sequence[Text], rules: RuleSet, material: Material) -> tuple[Finding, ...]:
        message: dict[str, Any] = {"texts": [(text.pointer, text.role, text.value) for text in texts]}
        if self._digest != rules.digest:
            message["rules"], self._digest = rules.source, rules.digest
        if self._material != material.digest:
            # What could not be read this time is tried again the next time.
            message["material"], self._material = dict(material.files), _UNKNOWN
        answer = await self._ask(message)
        if "refused" in answer:
            raise getattr(errors, answer["refused"])(answer["code"], answer["reason"])
        if "findings" not in answer:
            raise Unavailable("inspection-failed", "A text could not be inspected.", retry=False)
        self._material = material.digest
        return tuple(_finding(*values) for values in answer["findings"])

    async def _ask(self, message: dict[str, Any]) -> dict[str, Any]:
        process = self._process
        if process is None or process.stdin is None or process.stdout is None:
            raise Gone
        try:
            large = len(message) > 1 or sum(len(value) for *_, value in message.get("texts", ())) > SMALL
            process.stdin.write(await worked(large, frames.encode, message))
            await process.stdin.drain()
            data = await process.stdout.readexactly(frames.size(await process.stdout.readexactly(frames.HEADER)))
            answer: dict[str, Any] = await worked(len(data) > SMALL, json.loads, data)
        except (OSError, EOFError, ValueError) as error:
            raise Gone from error
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


async def worked[**P, T](apart: bool, work: Callable[P, T], *given: P.args, **named: P.kwargs) -> T:
    """What *work* returns, in a thread where it is to be *apart* from the event loop."""
    return await asyncio.to_thread(work, *given, **named) if apart else work(*given, **named)


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
