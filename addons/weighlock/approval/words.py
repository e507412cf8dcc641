"""What a client that was held is told: it names the approval, what held it, who can approve and how to come back."""

from __future__ import annotations

import math
from collections.abc import Collection
from datetime import UTC, datetime

from weighlock.errors import Forbidden, Later, Refused
from weighlock.holds import Approval, ApprovalState, Threshold, Way

LONGEST = 60.0
"""Seconds: the most that a client is told to wait. Some SDKs wait for as long as they are told, whatever it is."""


def refusal(approval: Approval, now: float, retry: float, told: Collection[str] = ()) -> Refused:
    """Of an approval that releases nothing. *retry*: after how many seconds a soft one is asked for again. *told* are
    the channels by which people hear of it.
    """
    because, id = approval.because, approval.id
    if approval.state is ApprovalState.PENDING:
        return _pending(approval, now, retry, told)
    if approval.state in (ApprovalState.DENIED, ApprovalState.REVOKED):
        last = approval.decisions[-1]
        reason = f"Approval {id} was {approval.state} by {last.who}: {last.reason}"
        return Forbidden(f"approval-{approval.state}", reason, because=because)
    if approval.state is ApprovalState.EXPIRED:
        late = "was not used" if approval.use_by is not None else "was not decided"
        return Forbidden(
            "approval-expired",
            f"Approval {id} {late} in time.",
            next_step=f"Ask {who(approval)}, and run the job again.",
            because=because,
        )
    what = "it released another request" if approval.state is ApprovalState.CONSUMED else "nobody waited for it"
    return Forbidden(
        "approval-used", f"Approval {id} is {approval.state}: {what}.", next_step="Run the job again.", because=because
    )


def who(approval: Approval) -> str:
    """Who can approve it: `2 of security, and 1 of legal`."""
    wanted = dict.fromkeys(_people(threshold) for quorum in approval.terms.quorums for threshold in quorum)
    return ", and ".join(wanted) or "nobody"


def _people(threshold: Threshold) -> str:
    return f"{threshold.need} of {' or '.join(sorted(threshold.groups))}"


def _pending(approval: Approval, now: float, retry: float, told: Collection[str]) -> Refused:
    until = datetime.fromtimestamp(approval.decide_by, UTC).strftime("%Y-%m-%d %H:%M UTC")
    said = approval.reason.rstrip(".")
    reason = f"Held for approval {approval.id}{f': {said}' if said else ''}. {_decided(approval)}"
    asks = f"Ask {who(approval)} to run `weighlock approvals approve {approval.id}` by {until}"
    sent = f" Channels told: {', '.join(told)}." if told else ""
    if approval.terms.way is Way.SOFT:
        wait = max(1, math.ceil(min(retry, LONGEST, approval.decide_by - now)))
        return Later("approval-pending", reason, next_step=f"{asks}.{sent}", because=approval.because, retry_after=wait)
    minutes = max(1, round(approval.terms.use_within / 60))
    back = f"then run the job again within {minutes} min: the identical request goes through once"
    return Forbidden(
        "approval-pending",
        reason,
        next_step=f"{asks}; {back}. `weighlock wait {approval.id}` waits for it.{sent}",
        because=approval.because,
    )


def _decided(approval: Approval) -> str:
    if not approval.decisions:
        return "Nobody has decided yet."
    return f"{len(approval.decisions)} of {approval.terms.need} have approved."
