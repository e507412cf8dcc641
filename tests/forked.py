"""Imports what a gateway and its commands need, and forks a process for each command that it is sent. See warm.py."""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import runpy
import selectors
import socket
import sys
import tempfile
import threading
from collections.abc import Sequence

PRELOADED = ("mitmproxy.tools.main", "weighlock.assembly", "weighlock.cli")
MESSAGE = 1 << 17


def serve(control: socket.socket) -> list[str]:
    """Returns in a child alone, with what it is to run."""
    waiting = selectors.DefaultSelector()
    waiting.register(control, selectors.EVENT_READ)
    while True:
        for key, _ in waiting.select():
            if key.fileobj is control:
                said, fds, _, _ = socket.recv_fds(control, MESSAGE, 3)
                if not said:
                    os._exit(0)
                tell, *outputs = fds
                if (pid := os.fork()) == 0:
                    close(waiting, tell)
                    return become(said, outputs)
                for fd in outputs:
                    os.close(fd)
                waiting.register(os.pidfd_open(pid), selectors.EVENT_READ, (pid, tell))
                control.send(str(pid).encode())
            else:
                pid, tell = key.data
                waiting.unregister(key.fileobj)
                os.close(key.fd)
                with contextlib.suppress(BrokenPipeError):  # nobody asks any more
                    os.write(tell, str(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])).encode())
                os.close(tell)


def close(waiting: selectors.BaseSelector, *more: int) -> None:
    """What the parent has open is none of the child's."""
    for key in list(waiting.get_map().values()):
        if isinstance(key.fileobj, socket.socket):
            key.fileobj.close()
        else:
            os.close(key.fd)
            os.close(key.data[1])
    waiting.close()
    for fd in more:
        os.close(fd)


def become(said: bytes, outputs: Sequence[int]) -> list[str]:
    asked = json.loads(said)
    for to, fd in zip((1, 2), outputs, strict=True):
        os.dup2(fd, to)
    for fd in set(outputs):
        os.close(fd)
    os.environ.clear()
    os.environ.update(asked["env"])
    tempfile.tempdir = None  # it is where the variables of this one say
    os.chdir(asked["cwd"])
    own = [path for path in asked["env"].get("PYTHONPATH", "").split(os.pathsep) if path]
    sys.path[:0] = ["", *own]
    command: list[str] = asked["command"]
    return command


def known() -> None:
    """The shipped rules have been parsed: they are what most gateways begin with, but for a file or two."""
    rulebook = importlib.import_module("weighlock.adapters.rulebook")
    rulebook.compiled(
        rulebook.read(rulebook.shipped()), importlib.import_module("weighlock.masking.operators").OPERATORS
    )


def main() -> None:
    sys.path.pop(0)  # the folder of this file
    for name in PRELOADED:
        importlib.import_module(name)
    known()
    gc.freeze()  # so that a child copies no page to look for garbage
    assert threading.active_count() == 1
    how, what, *arguments = serve(socket.socket(fileno=int(sys.argv[1])))
    sys.argv = [how, *arguments]
    if how == "-m":
        runpy.run_module(what, run_name="__main__", alter_sys=True)
    else:
        exec(what, {"__name__": "__main__"})


if __name__ == "__main__":
    main()
