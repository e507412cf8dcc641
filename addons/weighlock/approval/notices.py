"""What people are told of an approval: who asks for what, what holds it and who decides. No word of a prompt."""

from __future__ import annotations

import json
import unicodedata
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum

from weighlock.approval import words
from weighlock.holds import Approval, ApprovalState, Kind, Shown

LONG = 200
"""Characters of one word or sentence; the rest is cut off."""


class News(StrEnum):
    PENDING = "pending"
    APPROVED = "approved"
    DENIED = "denied"
    EXPIRED = "expired"
    REVOKED = "revoked"
    BROKEN_GLASS = "broken-glass"


@dataclass(frozen=True, slots=True)
class Notice:
    """One piece of news. Of one approval there is each at most once, so that it is told once however often it is heard.

    Times are Unix seconds.
    """

    news: News
    at: float
    approval: str
    kind: str
    workload: str
    owner: str
    destination: str
    model: str
    because: Sequence[str]
    reason: str
    """The statement's; never what a person wrote, which may quote the prompt."""
    groups: Sequence[str]
    need: int
    who: str
    """Who can approve it, in words."""
    by: Sequence[str]
    """Who decided."""
    decide_by: float
    link: str
    findings: Mapping[str, int] = field(default_factory=dict)
    """How many, by entity."""

    @property
    def id(self) -> str:
        return f"{self.approval}-{self.news}"

    def dump(self) -> str:
        return json.dumps(asdict(self), ensure_ascii=False)

    @classmethod
    def load(cls, text: str) -> Notice:
        said = json.loads(text)
        return cls(**said | {"news": News(said["news"])})


def news_of(approval: Approval, wanted: Collection[News]) -> News | None:
    """What its state is to those who want to hear of *wanted*."""
    if approval.state is ApprovalState.APPROVED and approval.broken_glass and News.BROKEN_GLASS in wanted:
        return News.BROKEN_GLASS
    return next((news for news in News if news == approval.state.value and news in wanted), None)


def counted(prompt: Iterable[Shown]) -> dict[str, int]:
    return dict(sorted(Counter(mark.entity for shown in prompt for mark in shown.marks).items()))


def notice(approval: Approval, news: News, at: float, origin: str, findings: Mapping[str, int]) -> Notice:
    """*origin*: where browsers find the console; empty where there is none."""
    return Notice(
        news=news,
        at=at,
        approval=approval.id,
        kind=approval.kind.value,
        workload=plain(approval.workload),
        owner=plain(approval.owner),
        destination=plain(approval.destination),
        model=plain(approval.model),
        because=[plain(one) for one in approval.because],
        reason="" if approval.kind is Kind.GRANT else plain(approval.reason),
        groups=[plain(group) for group in sorted(approval.terms.groups)],
        need=approval.terms.need,
        who=plain(words.who(approval)),
        by=[plain(decision.who) for decision in approval.decisions],
        decide_by=approval.decide_by,
        link=f"{origin}/approvals/{approval.id}" if origin else "",
        findings=dict(findings),
    )


def plain(text: str) -> str:
    """On one line, without characters that are not seen or turn others around, and not longer than is read."""
    seen = "".join(" " if unicodedata.category(char)[0] in "CZ" else char for char in text)
    return seen if len(seen) <= LONG else seen[: LONG - 1] + "…"
