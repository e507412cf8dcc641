"""The pages: what waits, one of it, and the decision. A GET shows, and a POST alone decides."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from http import HTTPStatus
from pathlib import Path
from typing import Any

from tornado.web import HTTPError

from weighlock.approval.lifecycle import is_requester, may_see
from weighlock.console import shown
from weighlock.console.about import Document, LoginTerms
from weighlock.console.granting import Grants
from weighlock.console.live import Live
from weighlock.console.page import Page, Site
from weighlock.console.signin import Callback, LogIn, LogOut
from weighlock.errors import Forbidden, Malformed, Refused
from weighlock.holds import Approval, ApprovalState, Kind
from weighlock.ledger import clear
from weighlock.model import Text

LOOKED, SETTLED = 1000, 200
"""Settled approvals that are looked at, the newest, and of these most that are listed."""
FOLDER = Path(__file__).parent
_KINDS = {".css": "text/css; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".svg": "image/svg+xml"}
STATIC = {path.name: (path.read_bytes(), _KINDS[path.suffix]) for path in (FOLDER / "static").iterdir()}


def routes(site: Site, hosts: frozenset[str]) -> list[tuple[str, type[Page], dict[str, Any]]]:
    one = r"/approvals/([0-9a-f]{1,32})"
    pages: dict[str, type[Page]] = {
        "/": Inbox,
        "/settled": Settled,
        one: One,
        rf"{one}/decision": Decision,
        rf"{one}/revocation": Revocation,
        rf"{one}/review": Review,
        rf"{one}/unmasked": Unmasked,
        "/grants": Grants,
        "/live": Live,
        "/login": LogIn,
        "/login/callback": Callback,
        "/logout": LogOut,
        "/api/openapi.json": Document,
        "/api/login": LoginTerms,
        r"/static/([a-z.]{1,32})": Static,
    }
    return [(place, page, {"site": site, "hosts": hosts}) for place, page in pages.items()]


class Inbox(Page):
    async def get(self) -> None:
        listed = [one for one in await self.site.desk.waiting() if may_see(one, self.approver)]
        listed.sort(key=lambda one: (one.state is not ApprovalState.PENDING, not one.unreviewed, one.decide_by))
        rows = [(one, is_requester(one, self.approver), _mine(one, self)) for one in listed]
        self.show("inbox.html", title="Approvals", rows=rows, settled=False)


class Settled(Page):
    async def get(self) -> None:
        listed = [one for one in await self.site.desk.settled(LOOKED) if may_see(one, self.approver)]
        rows = [(one, is_requester(one, self.approver), _mine(one, self)) for one in listed[:SETTLED]]
        self.show("inbox.html", title="Settled approvals", rows=rows, settled=True)


class One(Page):
    async def get(self, id: str) -> None:
        await self.one(await self.seen(id))

    async def one(
        self, approval: Approval, refused: Refused | None = None, reason: str = "", raw: Sequence[Text] | None = None
    ) -> None:
        prompt, before = await self.site.desk.prompt(approval.id), await self.site.desk.before(approval.workload)

        def made() -> bytes:
            """A prompt may be long: not on the loop, where others' requests would wait for it."""
            return self.rendered(
                "approval.html",
                title=f"Approval {approval.id}",
                one=approval,
                texts=[(text, shown.pieces(text.text, text.marks)) for text in prompt],
                verbs=shown.verbs(approval),
                entities=shown.entities(prompt),
                changes=shown.changes(before, prompt) if before and prompt else [],
                refused=refused,
                reason=reason,
                raw=None if raw is None else [(clear.pointer(text.pointer), shown.pieces(text.value)) for text in raw],
                may_raw=bool(self.approver.groups & self.site.raw_groups),
                mine=is_requester(approval, self.approver),
                decided=_mine(approval, self),
                may_grant=approval.kind is Kind.REQUEST,
                size=shown.size,
                member=bool(self.approver.groups & approval.terms.groups),
                glass=bool(self.approver.groups & approval.terms.break_glass),
                stale=self.stale,
                issuer=self.approver.issuer,
            )

        self.finish(await asyncio.to_thread(made))


class _Posted(One):
    def get(self, id: str) -> None:  # type: ignore[override]
        raise HTTPError(HTTPStatus.METHOD_NOT_ALLOWED)

    async def post(self, id: str) -> None:
        approval, reason = await self.seen(id), self.get_body_argument("reason", "")
        try:
            self.check_reason(reason)
            await self.do(approval, reason)
        except Refused as refused:
            self.set_status(refused.status)
            await self.one(await self.seen(id), refused, reason)

    async def do(self, approval: Approval, reason: str) -> None:
        raise NotImplementedError


class Decision(_Posted):
    async def do(self, approval: Approval, reason: str) -> None:
        word = self.get_body_argument("decision", "")
        if word not in ("approve", "deny", "break-glass"):
            raise Malformed("decision", "A decision is to approve or to deny.")
        glass = word == "break-glass"
        await self.site.desk.decide(approval.id, self.approver, word != "deny", reason, break_glass=glass)
        self.redirect(f"/approvals/{approval.id}", status=HTTPStatus.SEE_OTHER)


class Revocation(_Posted):
    async def do(self, approval: Approval, reason: str) -> None:
        await self.site.desk.revoke(approval.id, self.approver, reason)
        self.redirect(f"/approvals/{approval.id}", status=HTTPStatus.SEE_OTHER)


class Review(_Posted):
    async def do(self, approval: Approval, reason: str) -> None:
        await self.site.desk.review(approval.id, self.approver, reason)
        self.redirect(f"/approvals/{approval.id}", status=HTTPStatus.SEE_OTHER)


class Unmasked(_Posted):
    """The prompt as it came. That it was looked at is in the ledger before it is shown."""

    async def do(self, approval: Approval, reason: str) -> None:
        if not self.approver.groups & self.site.raw_groups:
            raise Forbidden("unmasked-group", "Nobody of your groups may see what is masked.")
        if self.stale:
            raise Forbidden("approver-stale", "You proved who you are too long ago.", next_step="Log in again.")
        if approval.state is not ApprovalState.PENDING:
            raise Forbidden("approval-settled", f"The approval is {approval.state}: its prompt is not shown any more.")
        raw = self.site.raw(approval)
        if raw is None:
            raise Forbidden(
                "unmasked-gone", "The gateway has no plaintext of it any more: nobody waits for it in a connection."
            )
        await self.site.record("prompt-unmasked", f"approval {approval.id} by {self.approver.issuer} {self._account()}")
        await self.one(approval, raw=raw)

    def _account(self) -> str:
        return json.dumps(self.approver.subject)


class Static(Page):
    public = True

    def get(self, name: str) -> None:
        if name not in STATIC:
            raise HTTPError(HTTPStatus.NOT_FOUND)
        data, kind = STATIC[name]
        self.set_header("content-type", kind)
        self.set_header("cache-control", "no-cache")
        self.finish(data)


def _mine(approval: Approval, page: Page) -> bool:
    """Whether the one who looks has decided already."""
    return any(one.known & page.approver.known for one in approval.decisions)
