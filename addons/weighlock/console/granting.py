"""Grants are asked for: the same by a program and on a page."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Any

from weighlock.approval.grants import BYTES, REQUESTS, SECONDS, Wanted
from weighlock.console.page import Page
from weighlock.errors import Malformed, Refused
from weighlock.holds import Limits

TEXTS, NUMBERS = ("workload", "destination", "model", "reason"), ("requests", "bytes", "minutes")
USUAL = {"requests": "50", "bytes": str(1 << 20), "minutes": "30"}


def wanted(said: dict[str, str], statements: list[str]) -> Wanted:
    """What *said*, each of TEXTS and NUMBERS, asks for. Malformed where a number is none."""
    if not all(re.fullmatch("[0-9]{1,12}", said[name]) for name in NUMBERS):
        raise Malformed("decision", "Limits are whole numbers.")
    requests, size, minutes = (int(said[name]) for name in NUMBERS)
    limits = Limits(requests, size, 60.0 * minutes)
    return Wanted(said["workload"], tuple(statements), said["destination"], said["model"], limits)


class Grants(Page):
    """The form; filled in with what an approval is about, where the query names one."""

    async def get(self) -> None:
        said, statements = dict.fromkeys(TEXTS, "") | USUAL, list[str]()
        if id := self.get_query_argument("like", ""):
            like = await self.seen(id)
            said |= {"workload": like.workload, "destination": like.destination, "model": like.model}
            statements = list(like.because)
        self._form(said, statements)

    async def post(self) -> None:
        said = {name: self.get_body_argument(name, "") for name in (*TEXTS, *NUMBERS)}
        statements = self.get_body_arguments("statement")
        try:
            self.check_reason(said["reason"])
            grant = await self.site.ask(self.approver, wanted(said, statements), said["reason"])
        except Refused as refused:
            self.set_status(refused.status)
            self._form(said, statements, refused)
        else:
            self.redirect(f"/approvals/{grant.id}", status=HTTPStatus.SEE_OTHER)

    def _form(self, said: dict[str, Any], statements: list[str], refused: Refused | None = None) -> None:
        choices = self.site.choices(self.approver)
        self.show(
            "grant.html",
            title="Ask for a grant",
            said=said,
            statements=statements,
            choices=choices,
            refused=refused,
            most=(REQUESTS, BYTES, int(SECONDS // 60)),
        )
