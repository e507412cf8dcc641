"""One inspector: `python -m weighlock.adapters.inspector.worker`, which speaks frames on stdin and stdout.

It has no network, no files to write, and no words of its own: whatever goes wrong, it answers with a code, or dies.
"""

from __future__ import annotations

import json
import os
import resource
import signal
import sys
from typing import Any, BinaryIO

from weighlock.adapters.inspector import frames
from weighlock.errors import Refused

MEMORY = 4 << 30
"""Bytes of address space; a text that needs more kills this process and is refused."""
NICE = 5
"""How far an inspector gives way to the event loop, which has little to do and must do it at once."""
_NETWORK = ("socket.connect", "socket.getaddrinfo", "socket.gethostbyname", "socket.bind", "urllib.Request")


def _no_network(event: str, _: Any) -> None:
    if event in _NETWORK:
        raise PermissionError("an inspector has no network")


def _read(stream: BinaryIO) -> dict[str, Any] | None:
    header = stream.read(frames.HEADER)
    if len(header) < frames.HEADER:
        return None
    message: dict[str, Any] = json.loads(stream.read(frames.size(header)))
    return message


def main() -> None:
    sys.addaudithook(_no_network)
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # Ctrl-C is for the gateway, which closes our stdin
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY, MEMORY))
    os.nice(NICE)
    source, out = sys.stdin.buffer, os.fdopen(os.dup(1), "wb")
    os.dup2(2, 1)  # a library that prints must not speak in frames

    # Heavy, and only of use here.
    from weighlock.adapters.inspector.engine import Engine  # noqa: PLC0415
    from weighlock.detection.rules import from_source  # noqa: PLC0415
    from weighlock.model import Role, Text  # noqa: PLC0415

    first = _read(source)
    if first is None:
        return
    engine = Engine(bytes.fromhex(first["key"]), first["ner"])
    answer: dict[str, Any] = {"ready": True}
    while True:
        out.write(frames.encode(answer))
        out.flush()
        message = _read(source)
        if message is None:
            return
        try:
            if "rules" in message:
                rules = from_source(message["rules"])
                engine.use(rules.rules, rules.thresholds)
            if "material" in message:
                engine.know(message["material"])
            texts = [Text(pointer, Role(role), value) for pointer, role, value in message["texts"]]
            answer = {"findings": [_plain(finding) for finding in engine.inspect(texts)]}
        except Refused as refused:
            answer = {"refused": type(refused).__name__, "code": refused.code, "reason": refused.reason}
        except Exception as error:  # its text may quote what was inspected
            answer = {"failed": type(error).__name__}


def _plain(finding: Any) -> list[Any]:
    f = finding
    return [f.rule, f.entity, f.level, f.score, f.pointer, f.start, f.end, f.fingerprint, sorted(f.tags), f.view]


if __name__ == "__main__":
    main()
