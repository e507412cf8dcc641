"""What anybody may ask the console: its API's document, and how a terminal logs somebody in."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from weighlock.console.page import Page, problem
from weighlock.errors import Forbidden

DOCUMENT = (Path(__file__).parent / "openapi.json").read_bytes()


class _Open(Page):
    public = True

    async def prepare(self) -> None:
        if self.request.headers.get("host") not in self.hosts:
            raise Forbidden("console-host", "The console does not answer under this name.")
        self.set_header("content-type", "application/json")

    def write_error(self, status_code: int, **given: Any) -> None:
        said = problem(given.get("exc_info", (None, None, None))[1], status_code)
        self.set_status(said["status"])
        self.set_header("content-type", "application/problem+json")
        self.finish(json.dumps(said))


class Document(_Open):
    def get(self) -> None:
        self.finish(DOCUMENT)


class LoginTerms(_Open):
    async def get(self) -> None:
        self.finish(json.dumps(await self.site.logins.devices()))
