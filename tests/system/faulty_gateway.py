"""The gateway with faults: the file that FAULT names says which one strikes now, as `Stage:kind` or `hook:kind`."""

import asyncio
import os
import sys
import traceback
from pathlib import Path
from typing import Any

FILE = Path(os.environ["FAULT"])
HOOKS = (
    "http_connect",
    "requestheaders",
    "request",
    "responseheaders",
    "response",
    "error",
    "server_connect",
    "client_disconnected",
)


def strikes(where: str) -> str:
    """The kind of fault that strikes *where* now, or nothing."""
    name, _, kind = FILE.read_text().partition(":")
    return kind if name == where else ""


async def fault(kind: str) -> Any:
    if kind == "raise":
        raise RuntimeError("planted-in-an-exception")
    if kind == "memory":
        raise MemoryError
    if kind == "cancel":
        raise asyncio.CancelledError
    if kind == "hang":
        await asyncio.Event().wait()
    if kind == "wrong":
        return "what no stage returns"
    return None


def faulty(stage: type) -> type:
    class Faulty(stage):  # type: ignore[misc]
        @property
        def limit(self) -> float:
            return 0.3 if strikes(stage.__name__) == "hang" else super().limit

        async def fill(self, exchange: Any, flow: Any) -> Any:
            kind = strikes(stage.__name__)
            return await fault(kind) if kind else await super().fill(exchange, flow)

    return Faulty


def sabotage(owner: Any, name: str) -> None:
    """Let faults strike in the function *name* of *owner*, which stays as async, or as sync, as it is."""
    sound = getattr(owner, name)

    def struck(*arguments: Any) -> Any:
        if kind := strikes(name):
            if kind in ("raise", "memory"):
                raise {"raise": RuntimeError, "memory": MemoryError}[kind]("planted-in-an-exception")
            return fault(kind) if asyncio.iscoroutinefunction(sound) else None
        return sound(*arguments)

    setattr(owner, name, struck)


try:
    from weighlock import assembly
    from weighlock.masking.stream import StreamMasker
    from weighlock.stages import record, reply, weigh
    from weighlock.stages.approve import Approve
    from weighlock.stages.broker import Broker
    from weighlock.stages.chain import Chain
    from weighlock.stages.decide import Decide
    from weighlock.stages.gate import Gate
    from weighlock.stages.identify import Identify
    from weighlock.stages.inspect import Inspect
    from weighlock.stages.mask import Mask
    from weighlock.stages.read import Read
    from weighlock.stages.record import Record, Recorder
    from weighlock.stages.tunnels import Tunnels

    for hook in HOOKS:
        sabotage(Chain, hook)
    sabotage(Gate, "cleared")
    sabotage(weigh, "weigh")
    for name in ("document", "start_stream"):
        sabotage(reply, name)
    for name in ("feed", "release", "finish"):
        sabotage(StreamMasker, name)
    for name in ("refusal", "as_received"):
        sabotage(Recorder, name)
    sabotage(record, "as_sent")
    stages = (Tunnels, Identify, Read, Inspect, Decide, Mask, Approve, Broker, Record)
    order = [faulty(stage) for stage in stages]
    assembly.start(order=order, script=__file__)  # type: ignore[arg-type]
except BaseException:
    traceback.print_exc()
    sys.stderr.flush()
    os._exit(78)
