"""Rules that are read in a moment: one destination, one workload, two things that are found."""

from __future__ import annotations

import shutil
from pathlib import Path

from weighlock.adapters.rulebook import shipped

RULES = ("email", "credit-card")
POLICY = """\
statements:
  - {id: all-may-call, effect: allow}
  - {id: people-are-hidden, effect: mask, findings: {entities: [EMAIL_ADDRESS]}, operator: redact}
  - {id: cards-stay, effect: block, direction: request, findings: {entities: [CREDIT_CARD]}}
"""
CASES = """\
cases:
  - {name: a card is blocked, findings: [credit-card], expect: {action: block, because: [cards-stay]}}
"""


def write(folder: Path) -> Path:
    for name in ("destinations.yaml", "identity"):
        source = shipped() / name
        copy = shutil.copytree if source.is_dir() else shutil.copy
        folder.mkdir(exist_ok=True)
        copy(source, folder / name)
    return narrowed(folder)


def narrowed(folder: Path) -> Path:
    """Whoever may call where stays; what is found and the policy are these."""
    for part in ("detect", "policy"):
        shutil.rmtree(folder / part, ignore_errors=True)
        (folder / part).mkdir()
    (folder / "detect" / "pii").mkdir()
    for rule in RULES:
        shutil.copy(shipped() / "detect" / "pii" / f"{rule}.yaml", folder / "detect" / "pii")
    (folder / "policy" / "default.yaml").write_text(POLICY)
    (folder / "policy" / "default.cases.yaml").write_text(CASES)
    return folder
