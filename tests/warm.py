"""Processes of Python that begin with everything imported: each is forked from one that has done nothing else.

A start then costs what the program itself does. Who is to see the whole start, of the interpreter too, takes
`subprocess`: so do the gateways of the wheel, and the one that most tests of a worker share.
"""

from __future__ import annotations

import atexit
import contextlib
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

import forked
from demo.gateway import ROOT, launched, ran

TESTS = str(Path(__file__).parent)
AT_IMPORT = ("SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE")
"""Variables that mitmproxy reads while it is imported."""


def fits(command: Sequence[str], env: Mapping[str, str]) -> bool:
    """Whether *command* is this interpreter's, with no option of its own. A script of the tests does not fit: some
    change modules before others import from them.
    """
    plain = command[0] == sys.executable and command[1] in ("-c", "-m")
    return plain and not any(name in env for name in AT_IMPORT) and not any(TESTS in word for word in command[2:])


class Process:
    """As much of subprocess.Popen as tests need."""

    def __init__(self, pid: int, ended: int, output: IO[str]) -> None:
        self.pid, self.stdout = pid, output
        self.returncode: int | None = None
        self._ended = ended
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.wait(0)
        return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        with self._lock:
            if self.returncode is None:
                if not select.select([self._ended], [], [], timeout)[0]:
                    raise subprocess.TimeoutExpired(str(self.pid), timeout or 0)
                self.returncode = int(os.read(self._ended, 16))
                os.close(self._ended)
            return self.returncode

    def send_signal(self, number: int) -> None:
        if self.poll() is None:
            os.kill(self.pid, number)

    def kill(self) -> None:
        self.send_signal(signal.SIGKILL)


class Warm:
    """The process that is forked. Started with the first request, ended with this one."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._control: socket.socket | None = None

    def start(self, command: Sequence[str], env: Mapping[str, str], errors: int | None = None) -> Process:
        """*errors* is where standard error goes; None is where the output goes."""
        ended, tell = os.pipe()
        output, out = os.pipe()
        said = json.dumps({"command": list(command[1:]), "env": dict(env), "cwd": str(Path.cwd())}).encode()
        with self._lock:
            control = self._control = self._control or self._begin()
            socket.send_fds(control, [said], [tell, out, out if errors is None else errors])
            pid = int(control.recv(16))
        os.close(tell)
        os.close(out)
        return Process(pid, ended, os.fdopen(output, encoding="utf-8"))

    def run(self, command: Sequence[str], env: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
        """What `subprocess.run` returns, with output and errors captured as text."""
        read, errors = os.pipe()
        process = self.start(command, env, errors)
        os.close(errors)
        complaints: list[str] = []
        with os.fdopen(read, encoding="utf-8") as lines, process.stdout:
            reader = threading.Thread(target=lambda: complaints.append(lines.read()))
            reader.start()
            watch = threading.Timer(timeout, process.kill)
            watch.start()
            output = process.stdout.read()
            reader.join()
            code = process.wait()
            watch.cancel()
        return subprocess.CompletedProcess(command, code, output, "".join(complaints))

    def _begin(self) -> socket.socket:
        ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        env = {"PATH": os.environ["PATH"], "LANG": "C.UTF-8", "PYTHONPATH": str(ROOT / "addons")}
        with theirs:
            served = subprocess.Popen(
                [sys.executable, forked.__file__, str(theirs.fileno())],
                env=env,
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
            )
        atexit.register(lambda: (ours.close(), served.wait()))
        return ours


WARM = Warm()


def launch(command: Sequence[str], env: Mapping[str, str]) -> Process | subprocess.Popen[str]:
    return WARM.start(command, env) if fits(command, env) else launched(command, env)


def run(command: Sequence[str], env: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    return (WARM.run if fits(command, env) else ran)(command, env, timeout)
