"""An approval as it is read back."""

from __future__ import annotations

from typing import Any

from weighlock.holds import Approval, ApprovalState, Decision, Kind, Limits, Terms, Threshold, Way


def approval(said: dict[str, Any]) -> Approval:
    """From what `asdict` made of one, and JSON of that."""
    return Approval(
        **said
        | {
            "kind": Kind(said["kind"]),
            "state": ApprovalState(said["state"]),
            "persons": frozenset(said["persons"]),
            "names": frozenset(said["names"]),
            "because": tuple(said["because"]),
            "terms": _terms(said["terms"]),
            "decisions": tuple(_decision(one) for one in said["decisions"]),
            "review": _decision(said["review"]) if said["review"] else None,
            "limits": Limits(**said["limits"]) if said["limits"] else None,
        }
    )


def _terms(said: dict[str, Any]) -> Terms:
    quorums = tuple(
        tuple(Threshold(frozenset(one["groups"]), one["need"]) for one in quorum) for quorum in said["quorums"]
    )
    way, glass = Way(said["way"]), frozenset(said["break_glass"])
    return Terms(**said | {"quorums": quorums, "way": way, "break_glass": glass})


def _decision(said: dict[str, Any]) -> Decision:
    return Decision(**said | {"groups": frozenset(said["groups"]), "known": frozenset(said["known"])})
