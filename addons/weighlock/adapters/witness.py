"""A witness: an HTTP service on another host, C2SP's tlog-witness. What it signed last outlives it."""

from __future__ import annotations

import fcntl
import json
import logging
import os
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from tornado.httpserver import HTTPServer
from tornado.web import Application, RequestHandler

from weighlock.errors import ConfigError
from weighlock.ledger import checkpoint
from weighlock.ledger.checkpoint import Checkpoint, Verifier
from weighlock.ledger.cosign import NotCosigned, Witness, judge

log = logging.getLogger("weighlock")

LIMIT = 64 << 10
"""Bytes of a request."""
NAME = "witnessed.json"


class Seen:
    """The last checkpoint of each log that was cosigned. One process at a time; ConfigError where it cannot be read."""

    def __init__(self, state: Path, logs: Sequence[Verifier]) -> None:
        self.logs: Mapping[str, Verifier] = {verifier.name: verifier for verifier in logs}
        self._path = state / NAME
        self._folder = os.open(state, os.O_RDONLY)
        try:
            fcntl.flock(self._folder, fcntl.LOCK_EX | fcntl.LOCK_NB)
            self._notes: dict[str, str] = json.loads(self._path.read_text("utf-8")) if self._path.exists() else {}
            self.latest = {
                origin: checkpoint.verify(note, self.logs[origin])
                for origin, note in self._notes.items()
                if origin in self.logs
            }
        except BlockingIOError:
            os.close(self._folder)
            raise ConfigError("another witness uses it", str(state)) from None
        except (OSError, ValueError, TypeError, AttributeError):
            os.close(self._folder)
            raise ConfigError("cannot be read, or not of these logs", str(self._path)) from None

    def remember(self, said: Checkpoint, note: str) -> None:
        """Durable when this returns; OSError where it is not, and then nothing may be signed."""
        notes = self._notes | {said.origin: note}
        draft = self._path.with_suffix(".new")
        with draft.open("w", encoding="utf-8") as file:
            json.dump(notes, file)
            file.flush()
            os.fsync(file.fileno())
        draft.replace(self._path)
        os.fsync(self._folder)
        self._notes = notes
        self.latest[said.origin] = said

    def close(self) -> None:
        os.close(self._folder)


class _Add(RequestHandler):
    def initialize(self, witness: Witness, seen: Seen) -> None:
        self.witness, self.seen = witness, seen

    def post(self) -> None:
        """All in one step of the event loop: no other request comes between the look and the note."""
        try:
            note, said = judge(self.request.body.decode("utf-8", "replace"), self.seen.logs, self.seen.latest)
            self.seen.remember(said, note)
        except NotCosigned as error:
            log.warning("witness: %s", error)
            self.set_status(error.status)
            self.set_header("content-type", "text/plain" if error.size is None else "text/x.tlog.size")
            self.finish(f"{error if error.size is None else error.size}\n")
        except OSError:
            log.error("witness: what is signed cannot be kept")
            self.set_status(503)
            self.finish("not now\n")
        else:
            log.info("witness: %s of %d entries", said.origin, said.size)
            self.set_header("content-type", "text/plain; charset=utf-8")
            self.finish(self.witness.cosign(note, int(time.time())))


def serve(address: tuple[str, int], witness: Witness, seen: Seen) -> HTTPServer:
    """Started on the running event loop. OSError where the address cannot be had."""
    application = Application(
        [(r"/add-checkpoint", _Add, {"witness": witness, "seen": seen})], log_function=lambda _: None
    )
    server = HTTPServer(application, max_body_size=LIMIT, max_header_size=LIMIT)
    server.listen(address[1], address[0])
    return server
