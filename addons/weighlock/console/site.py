"""The console's pages, put together."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence

from weighlock.adapters.approvals import Desk
from weighlock.adapters.grants import Choices
from weighlock.adapters.identifier import Identifier
from weighlock.adapters.logins import Logins
from weighlock.adapters.rulebook import IdentityRules
from weighlock.approval.lifecycle import Approver
from weighlock.console.feed import Feed
from weighlock.console.page import Ask, Site
from weighlock.console.sessions import BrowserSessions
from weighlock.console.visits import Visits
from weighlock.holds import Approval
from weighlock.model import Text
from weighlock.settings import Settings


def site(
    config: Settings,
    address: tuple[str, int],
    desk: Desk,
    identifier: Identifier,
    rules: Callable[[], IdentityRules],
    clock: Callable[[], float],
    visits: Visits,
    *,
    ask: Ask,
    choices: Callable[[Approver], Choices],
    raw: Callable[[Approval], Sequence[Text] | None],
    record: Callable[[str, str], Awaitable[None]],
) -> Site:
    url = origin(config)
    return Site(
        url=url,
        desk=desk,
        logins=Logins(identifier, rules, f"{url}/login/callback", config.approver_age, clock),
        sessions=BrowserSessions(clock, config.console_session),
        feed=Feed(),
        visits=visits,
        ask=ask,
        choices=choices,
        raw=raw,
        record=record,
        raw_groups=config.raw_groups,
        max_age=config.approver_age,
        clock=clock,
    )


def origin(config: Settings) -> str:
    """Where browsers find the console; empty where there is none."""
    if config.console is None:
        return ""
    return config.console_url or f"http://{authority(config.console)}"


def authority(address: tuple[str, int]) -> str:
    """As in a URL."""
    host, port = address
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
