"""What every page of the console keeps to: its one name, its headers, its session, and where a form may come from."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from http import HTTPStatus
from typing import Any
from urllib.parse import urlsplit

from tornado.web import RequestHandler

from weighlock.adapters.approvals import Desk
from weighlock.adapters.grants import Choices
from weighlock.adapters.logins import Logins
from weighlock.approval.grants import Wanted
from weighlock.approval.lifecycle import Approver, check_group, may_see
from weighlock.console.feed import Feed
from weighlock.console.sessions import BrowserSessions, Session
from weighlock.console.shown import ago, left
from weighlock.console.visits import Visits, Way
from weighlock.errors import Forbidden, Malformed, Refused, Unidentified
from weighlock.holds import Approval
from weighlock.model import Text

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; img-src 'self'; form-action 'self'; "
    "frame-ancestors 'none'; base-uri 'none'; require-trusted-types-for 'script'; trusted-types 'none'"
)
HEADERS = {
    "content-security-policy": POLICY,
    "cache-control": "no-store",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # with less, a form would not say where it comes from
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=(), payment=()",
}

Ask = Callable[[Approver, Wanted, str], Awaitable[Approval]]
"""Opens a grant: who asks, for what, and why."""


@dataclass(frozen=True, slots=True)
class Site:
    """All that the pages work with. *url* is the console's origin, as browsers see it."""

    url: str
    desk: Desk
    logins: Logins
    sessions: BrowserSessions
    feed: Feed
    visits: Visits
    ask: Ask
    choices: Callable[[Approver], Choices]
    """What somebody may ask a grant for; raises Forbidden."""
    raw: Callable[[Approval], Sequence[Text] | None]
    """The prompt as it came; None where it is not in memory."""
    record: Callable[[str, str], Awaitable[None]]
    """Writes an event and its message to the ledger; raises Unavailable."""
    raw_groups: frozenset[str]
    max_age: float
    clock: Callable[[], float]

    @property
    def host(self) -> str:
        return urlsplit(self.url).netloc

    def end(self, session: Session) -> None:
        self.sessions.close(session)
        self.feed.end(session.id)

    def cookie(self, name: str) -> str:
        return f"__Host-{name}" if self.url.startswith("https:") else name


class Page(RequestHandler):
    """Of somebody who is logged in; anybody else is shown where to log in."""

    public = False
    session: Session | None = None
    who: Approver | None = None

    def initialize(self, site: Site, hosts: frozenset[str]) -> None:
        self.site, self.hosts = site, hosts

    def set_default_headers(self) -> None:
        for name, value in HEADERS.items():
            self.set_header(name, value)
        self.clear_header("server")

    def compute_etag(self) -> None:
        """Nothing that no cache keeps needs one, and it would be made on the loop."""

    async def prepare(self) -> None:
        host = self.request.headers.get("host")
        if host != self.site.host:
            if host not in self.hosts or self.request.method != "GET":
                raise Forbidden("console-host", "The console does not answer under this name.")
            self.redirect(f"{self.site.url}{self.request.path}")  # cookies are of one name
            return
        session = self.site.sessions.find(self.get_cookie(self.site.cookie("weighlock"), "") or "")
        if session:
            try:
                self.who, self.session = self.site.visits.still(session.verified), session
            except Refused as refused:
                self.site.end(session)
                await self.site.visits.left(session.verified, Way.BROWSER, refused)
                raise
        if self.request.method not in ("GET", "HEAD"):
            self._check_form()
        elif not self.session and not self.public:
            self._stranger()

    @property
    def approver(self) -> Approver:
        if self.who is None:
            raise Unidentified("session-missing", "You are not logged in any more.", next_step="Log in again.")
        return self.who

    @property
    def stale(self) -> bool:
        """Whether they proved who they are too long ago to decide anything."""
        return self.site.clock() - self.approver.authenticated_at > self.site.max_age

    async def seen(self, id: str) -> Approval:
        """Raises Forbidden where it is not for their eyes."""
        approval = await self.site.desk.get(id)
        if not may_see(approval, self.approver):
            check_group(approval, self.approver)
        return approval

    def check_reason(self, reason: str) -> None:
        if len(reason) > 1000 or not reason.isprintable():
            raise Malformed("reason", "A reason is one line of at most 1000 characters.")

    def show(self, template: str, **given: Any) -> None:
        self.finish(self.rendered(template, **given))

    def rendered(self, template: str, **given: Any) -> bytes:
        forms = self.session.forms if self.session else ""
        return self.render_string(
            template, who=self.who, forms=forms, now=self.site.clock(), ago=ago, left=left, **given
        )

    def _check_form(self) -> None:
        """A form of this very page, in this very session, in a browser that says so."""
        if self.request.headers.get("origin") != self.site.url:
            raise Forbidden("form-elsewhere", "This form is not of the console.")
        if self.request.headers.get("sec-fetch-site", "same-origin") != "same-origin":
            raise Forbidden("form-elsewhere", "This form is not of the console.")
        if self.request.headers.get("content-type", "").split(";")[0] != "application/x-www-form-urlencoded":
            raise Forbidden("form-kind", "This is no form of the console.")
        _ = self.approver
        if self.session is None or not self.session.wrote(self.get_body_argument("form", "")):
            raise Forbidden("form-old", "This form is of another session.", next_step="Open the page again.")

    def _stranger(self) -> None:
        # A link from elsewhere brings no strict cookie with it: the page's own next step does.
        if self.request.headers.get("sec-fetch-site") == "cross-site":
            self.show("onward.html", place=self.request.path, title="One moment")
        else:
            self.set_status(HTTPStatus.UNAUTHORIZED)
            self.show("login.html", issuers=self.site.logins.issuers(), back=self.request.path, title="Log in")

    def write_error(self, status_code: int, **given: Any) -> None:
        error = given.get("exc_info", (None, None, None))[1]
        refused = error if isinstance(error, Refused) else None
        self.set_status(refused.status if refused else status_code)
        said = refused.reason if refused else HTTPStatus(status_code).phrase
        code, step = (refused.code, refused.next_step) if refused else ("", "")
        self.show("error.html", title="Refused" if refused else str(status_code), said=said, code=code, step=step)

    def log_exception(self, *_: Any) -> None:
        """A request's text is nobody's to log."""


def problem(error: object, status: int) -> dict[str, Any]:
    """RFC 9457."""
    code, detail = "console", HTTPStatus(status).phrase
    if isinstance(error, Refused):
        status, code, detail = error.status, error.code, f"{error.reason} {error.next_step}".strip()
    return {"type": f"urn:weighlock:{code}", "title": code, "status": status, "detail": detail}
