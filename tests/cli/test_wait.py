"""`weighlock wait` at a console; through a gateway it is tried with a real one."""

from __future__ import annotations

import importlib
from typing import Any

import pytest
from click.testing import CliRunner, Result

from weighlock.cli import main

MODULE = importlib.import_module("weighlock.cli.wait")
PENDING: dict[str, Any] = {"state": "pending", "groups": ["leads", "legal"], "need": 2, "decisions": []}


def waited(monkeypatch: pytest.MonkeyPatch, *states: dict[str, Any], exit_code: int, timeout: str = "10s") -> Result:
    """Where one look after the other shows *states*, and the clock goes on by what is slept."""
    told, now = iter(states), [0.0]
    monkeypatch.setattr(MODULE, "get", lambda *_: next(told))
    monkeypatch.setattr(MODULE.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(MODULE.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds))
    result = CliRunner().invoke(main, ["wait", "ab12", "--timeout", timeout, "--console", "127.0.0.1:1"])
    assert result.exit_code == exit_code, result.output
    return result


@pytest.mark.parametrize(
    ("state", "exit_code"),
    [("approved", 0), ("consumed", 0), ("denied", 1), ("revoked", 1), ("expired", 1), ("cancelled", 1)],
)
def test_it_ends_with_the_decision(monkeypatch: pytest.MonkeyPatch, state: str, exit_code: int) -> None:
    said = {"who": "lee@example.com", "reason": "no\x1b[2J"}
    result = waited(monkeypatch, PENDING, PENDING, PENDING | {"state": state, "decisions": [said]}, exit_code=exit_code)

    assert result.stdout == f"ab12 {state} by lee@example.com: no\N{REPLACEMENT CHARACTER}[2J\n"
    assert result.stderr == "ab12 pending: 2 of leads or legal can approve it\n"


def test_it_does_not_wait_for_ever(monkeypatch: pytest.MonkeyPatch) -> None:
    assert waited(monkeypatch, *[PENDING] * 6, exit_code=75).stdout == ""
    assert waited(monkeypatch, PENDING, exit_code=75, timeout="1s").stdout == ""


@pytest.mark.parametrize("timeout", ["soon", "0s", "5"])
def test_a_time_that_is_none_is_a_wrong_use(monkeypatch: pytest.MonkeyPatch, timeout: str) -> None:
    assert "--timeout" in waited(monkeypatch, exit_code=2, timeout=timeout).stderr


@pytest.mark.parametrize(
    "proxy", ["http://127.0.0.1:1", "https://oidc:t@127.0.0.1:1", "nonsense", "http://oidc:t@host"]
)
def test_a_proxy_without_a_token_is_no_way_to_ask(proxy: str) -> None:
    result = CliRunner().invoke(main, ["wait", "ab12"], env={"HTTPS_PROXY": proxy})

    assert (result.exit_code, "--proxy" in result.stderr) == (2, True)


def test_where_no_gateway_is_it_says_so() -> None:
    result = CliRunner().invoke(main, ["wait", "ab12", "--proxy", "http://oidc:token@127.0.0.1:1"])

    assert (result.exit_code, result.stderr) == (
        1,
        "weighlock: no gateway answers at 127.0.0.1:1 (ConnectionRefusedError)\n",
    )
