"""Where a credential or a subject token lies: the environment, a file, or what a program prints."""

from __future__ import annotations

import asyncio
import os
import signal
import stat
from collections.abc import Mapping, Sequence
from contextlib import suppress

from weighlock.destination import Credential
from weighlock.policy.credentials import LIMIT, Unusable, checked

SIZE = LIMIT + 1024
"""Bytes that are read: a credential, and white space around it."""
PASSED = ("HOME", "LANG", "PATH")
"""All that a program gets of the gateway's environment."""


async def read(credential: Credential, environ: Mapping[str, str]) -> str:
    """What *credential*'s source says right now, fit for a header field; Unusable where that is nothing."""
    if credential.source == "env":
        if (value := environ.get(credential.place[0])) is None:
            raise Unusable("its environment variable is not set")
        return checked(value, "its environment variable")
    if credential.source == "file":
        return checked(_text(await asyncio.to_thread(_file, credential.place[0])), "its file")
    return checked(_text(await _output(credential.place, environ)), "its command's output")


async def secret(source: str) -> str:
    """What is at `env:NAME` or `file:/PATH` right now; Unusable where that is nothing."""
    kind, _, place = source.partition(":")
    return await read(Credential(kind, (place,)), os.environ)


def _text(data: bytes) -> str:
    """One character a byte; what is not ASCII is found by `checked`, which quotes nothing."""
    return data.decode("latin-1")


def _file(path: str) -> bytes:
    try:
        file = os.open(path, os.O_RDONLY | os.O_NONBLOCK)  # a pipe or a device must not be waited for
        try:
            if not stat.S_ISREG(os.fstat(file).st_mode):
                raise Unusable("its file is no regular file")
            return os.read(file, SIZE)
        finally:
            os.close(file)
    except OSError as error:
        raise Unusable(f"its file cannot be read ({type(error).__name__})") from None


async def _output(words: Sequence[str], environ: Mapping[str, str]) -> bytes:
    """What the program prints. It gets no input, no shell and no terminal; what it says to stderr is thrown away."""
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,
            env={name: environ[name] for name in PASSED if name in environ},
            cwd="/",
            start_new_session=True,
        )
    except OSError as error:
        raise Unusable(f"its command cannot be started ({type(error).__name__})") from None
    try:
        return await _printed(process)
    except BaseException:  # a time-out too: nothing that was started is left behind
        with suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        with suppress(TimeoutError):
            async with asyncio.timeout(1):
                await process.communicate()
        raise


async def _printed(process: asyncio.subprocess.Process) -> bytes:
    printed = b""
    while process.stdout and (part := await process.stdout.read(SIZE)):
        printed += part
        if len(printed) > SIZE:
            raise Unusable(f"its command's output is over {SIZE} bytes")
    if code := await process.wait():
        raise Unusable(f"its command ended with exit code {code}")
    return printed
