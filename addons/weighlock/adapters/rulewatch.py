"""The rules in force, swapped whole. Whatever is wrong with a new version, the last good one stays."""

from __future__ import annotations

import asyncio
import contextlib
import logging
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from weighlock.adapters import rulebook
from weighlock.adapters.rulebook import Rules
from weighlock.adapters.signed import Signed
from weighlock.errors import ConfigError
from weighlock.policy import manifest
from weighlock.policy.schema import OperatorTable

log = logging.getLogger("weighlock")

INTERVAL = 0.25
"""Seconds between two looks at the folder."""
REREAD = 10.0
"""Seconds after which the files are read again whatever the file system says of them: a remote one may not know."""
GRAIN = 2.0
"""Seconds for which a change may still be followed by one with the same time."""
SETTLE = 0.2
"""Seconds for which a change must hold still: a file that is only half written can be good YAML that says less, and
what an editor leaves lying about for a moment is no mistake.
"""


class _Seen:
    """What lies in *folder*: read where the file system tells of a change, for to read all files every time takes some
    hundredths of a processor.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._marks: object = None
        self._contents: Mapping[str, str] | str = ""
        self._again = 0.0

    def look(self) -> Mapping[str, str] | str:
        """All that lies there, or what is wrong with it."""
        now, marks = time.monotonic(), None
        with contextlib.suppress(ConfigError, OSError):  # to read them says what is wrong
            marks = rulebook.marks(self._folder)
        if marks is None or marks != self._marks or now >= self._again:
            new = marks != self._marks
            self._marks, self._contents = marks, self.read()
            self._again = now + (GRAIN if new else REREAD)
        return self._contents

    def read(self) -> Mapping[str, str] | str:
        try:
            return rulebook.contents(self._folder)
        except ConfigError as error:
            return str(error)


class Rulebook:
    """*on_event* hears of `loaded` and `rejected`, with the digest or what is wrong. Where *signed* is given, rules
    must be signed. Until a first version is good, `current` is `rulebook.NONE`.
    """

    def __init__(
        self,
        folder: Path,
        operators: OperatorTable,
        on_event: Callable[[str, str], None],
        signed: Signed | None = None,
    ) -> None:
        self._seen, self._operators, self._on_event, self._signed = _Seen(folder), operators, on_event, signed
        self._taken: Mapping[str, str] = {}
        self.complaint = ""
        """What is wrong with what lies there now."""
        self.current = rulebook.NONE

    def check(self) -> tuple[str, str] | None:
        """Look once, and swap when the rules changed and are good: the event, where there is one to tell. Sleeps."""
        seen = self._seen.look()
        if seen == self._taken:
            self.complaint = ""
            return None
        if seen == self.complaint:
            return None
        time.sleep(SETTLE)
        if self._seen.read() != seen:
            return None  # still being written; the next look will see
        try:
            if isinstance(seen, str):
                raise ConfigError(seen)
            self.current = self._good(seen)
        except ConfigError as error:
            complaint = str(error)
        except Exception as error:  # a defect of ours must not end the watch
            complaint = f"cannot be checked: {type(error).__name__}"
        else:
            self._taken, self.complaint = seen, ""
            return "loaded", str(self.current)
        if complaint == self.complaint:
            return None
        self.complaint = complaint
        return "rejected", complaint

    def _good(self, seen: Mapping[str, str]) -> Rules:
        files = {name: text for name, text in seen.items() if name != manifest.NAME}
        if self._signed is None:
            rules = rulebook.compiled(files, self._operators)
        else:
            version = self._signed.version(seen.get(manifest.NAME, ""), files)
            rules = replace(rulebook.compiled(files, self._operators), version=version)
            self._signed.keep(version, rules.digest)
        for warning in rules.warnings:
            log.warning("rules: %s", warning)
        return rules

    async def watch(self, loaded: Callable[[], None]) -> None:
        """For ever. The work is done in a thread; what changes is one reference, and then *loaded* is called."""
        while True:
            await asyncio.sleep(INTERVAL)
            if event := await asyncio.to_thread(self.check):
                self._on_event(*event)
                if event[0] == "loaded":
                    loaded()
