from __future__ import annotations

import importlib
from typing import Any

import pytest
from click.testing import CliRunner

MODULE = importlib.import_module("weighlock.cli.approvals")

HELD: dict[str, Any] = {
    "id": "ab12",
    "state": "pending",
    "workload": "nightly",
    "owner": "dana@example.com",
    "because": ["large"],
    "groups": ["leads"],
    "need": 1,
    "subject": "repo:acme/nightly",
    "dialect": "openai",
    "operation": "chat.completions",
    "destination": "model",
    "model": "small",
    "decisions": [],
    "review": None,
    "reason": "",
    "requested_at": 1000,
    "decide_by": 1060,
    "use_by": None,
}


@pytest.mark.parametrize("char", ["\x1b", "\x9b", "\r", "\x07", "\u202e", "\x00"])
def test_a_member_name_in_a_pointer_does_not_drive_the_approvers_terminal(
    char: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    prompt = [{"pointer": f"/{char}name", "text": "two\nthree"}]
    monkeypatch.setattr(MODULE, "call", lambda *_: HELD | {"prompt": prompt})
    result = CliRunner().invoke(MODULE.approvals, ["show", "ab12"], color=True)

    assert result.exit_code == 0
    assert "name\ntwo\nthree" in result.output
    assert char not in result.output
