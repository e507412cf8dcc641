from __future__ import annotations

import asyncio
import importlib
import json
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from held import a_desk, a_request, an_approver, listed, some_terms
from weighlock.approval.lifecycle import Approver
from weighlock.cli import main
from weighlock.console.app import Console
from weighlock.errors import Unidentified
from weighlock.holds import Approval

MODULE = importlib.import_module("weighlock.cli.approvals")

NOW = 1_800_000_000.0
TERMS = some_terms("security", within=45.0, break_glass=frozenset({"oncall"}))
PEOPLE = {
    f"{name}-token": an_approver(name, group, authenticated_at=NOW)
    for name, group in (("alice", "security"), ("bob", "security"), ("max", "oncall"))
}
ESCAPE = "\x1b]0;owned\x07\u202e"


async def verify(raw: str) -> Approver:
    if raw not in PEOPLE:
        raise Unidentified("token-malformed", "This is not a token.", next_step="Log in again.")
    return PEOPLE[raw]


class Running:
    """A console in a thread of its own, as the gateway has it."""

    def __init__(self) -> None:
        self.port = free_port()
        self.desk = a_desk(lambda: NOW)
        self.waiting: dict[str, Any] = {}
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._console = Console(("127.0.0.1", self.port), self.desk, verify)
        self._thread.start()
        self._run(self._start())

    async def _start(self) -> None:
        self._console.start()

    def _run(self, work: Any) -> Any:
        return asyncio.run_coroutine_threadsafe(work, self._loop).result(30)

    def hold(self, exchange: str = "e1", prompt: str = "Write to <EMAIL_ADDRESS>", **given: Any) -> str:
        async def held() -> str:
            asked = a_request(exchange, exchange, prompt, because=("bulk",), **{"terms": TERMS} | given)
            self.waiting[exchange] = asyncio.create_task(self.desk.hold(asked, 45))
            return (await listed(self.desk, len(self.waiting)))[-1].id

        return str(self._run(held()))

    def get(self, id: str) -> Approval:
        return self._run(self.desk.get(id))  # type: ignore[no-any-return]

    def state(self, id: str) -> str:
        return self.get(id).state.value

    def stop(self) -> None:
        async def stopped() -> None:
            for task in self.waiting.values():
                task.cancel()
            await asyncio.gather(*self.waiting.values(), return_exceptions=True)
            await self._console.stop()
            await self.desk.close()

        self._run(stopped())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(30)
        self._loop.close()


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


@pytest.fixture
def running(monkeypatch: pytest.MonkeyPatch) -> Iterator[Running]:
    for proxy in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
        monkeypatch.setenv(proxy, "http://127.0.0.1:9")
    monkeypatch.setenv("COLUMNS", "200")
    running = Running()
    monkeypatch.setenv("WEIGHLOCK_CONSOLE", f"127.0.0.1:{running.port}")
    monkeypatch.setenv("WEIGHLOCK_TOKEN", "alice-token")
    yield running
    running.stop()


def run(*arguments: str, exit_code: int = 0, **given: Any) -> Result:
    result = CliRunner().invoke(main, ["approvals", *arguments], **given)
    assert result.exit_code == exit_code, result.output
    return result


def test_what_waits_is_listed_straight_from_the_console_whatever_proxies_are_set(running: Running) -> None:
    id = running.hold()

    lines = run("list").stdout.splitlines()
    assert len(lines) == 2
    assert tuple(lines[0].split()) == MODULE.COLUMNS
    assert lines[1].split()[:4] == [id, "pending", "nightly", "dana"]
    assert "2027-01-15T08:00:45+00:00" in lines[1]


def test_with_nothing_held_it_says_so(running: Running) -> None:
    assert run("list").stdout == "nothing is held\n"
    assert json.loads(run("list", "--json").stdout) == []


def test_what_is_settled_is_listed_on_request(running: Running) -> None:
    id = running.hold()
    run("deny", id, "--reason", "no")

    assert run("list").stdout == "nothing is held\n"
    assert id in run("list", "--all").stdout


def test_programs_get_json(running: Running) -> None:
    id = running.hold()

    (listed,) = json.loads(run("list", "--json").stdout)
    assert (listed["id"], listed["state"]) == (id, "pending")
    shown = json.loads(run("show", id, "--json").stdout)
    assert [text["text"] for text in shown["prompt"]] == ["Write to <EMAIL_ADDRESS>"]


def test_one_is_shown_with_its_prompt(running: Running) -> None:
    id = running.hold()

    output = run("show", id).stdout
    assert id in output
    assert "bulk" in output
    assert output.endswith("/messages/0/content\nWrite to <EMAIL_ADDRESS>\n")


def test_a_prompt_does_not_drive_the_approvers_terminal(running: Running) -> None:
    id = running.hold(prompt=f"one\ttwo\nthree{ESCAPE}")

    output = run("show", id).stdout
    assert "one\ttwo\nthree" in output
    assert not set(ESCAPE) & set(output) & {"\x1b", "\x07", "\u202e"}


def test_one_is_approved(running: Running) -> None:
    id = running.hold()

    output = run("approve", id, "--reason", "ticket 12").stdout
    assert output.startswith(f"{id} approved by ")
    assert "alice@example.com" in output
    assert (running.state(id), running.get(id).decisions[0].reason) == ("approved", "ticket 12")


def test_one_is_denied(running: Running) -> None:
    id = running.hold()

    assert run("deny", id, "--reason", "no").stdout.startswith(f"{id} denied by ")
    assert running.state(id) == "denied"


def test_a_denial_needs_a_reason(running: Running) -> None:
    id = running.hold()

    assert "--reason" in run("deny", id, exit_code=2).stderr
    assert "reason" in run("deny", id, "--reason", " ", exit_code=1).stderr
    assert running.state(id) == "pending"


def test_a_token_may_come_from_a_file(running: Running, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "token").write_text("alice-token\n")
    monkeypatch.delenv("WEIGHLOCK_TOKEN")

    assert run("list", "--token-file", str(tmp_path / "token")).stdout == "nothing is held\n"
    assert "WEIGHLOCK_TOKEN" in run("list", exit_code=2).stderr
    run("list", "--token-file", str(tmp_path / "none"), exit_code=2)


def test_a_refusal_is_one_line_with_the_next_step(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    assert run("approve", "0123456789ab", exit_code=1).stderr.startswith("weighlock: There is no such approval")
    monkeypatch.setenv("WEIGHLOCK_TOKEN", "not-a-token")

    assert run("list", exit_code=1).stderr == "weighlock: This is not a token. Log in again.\n"


def test_without_a_gateway_it_says_where_it_looked(running: Running) -> None:
    port = free_port()

    for command in (["list"], ["show", "a1"], ["approve", "a1"], ["deny", "a1", "--reason", "x"]):
        result = run(*command, "--console", f"127.0.0.1:{port}", exit_code=1)
        assert result.stderr == f"weighlock: no gateway answers at 127.0.0.1:{port}; is it running?\n"


def test_something_else_at_that_address_is_no_gateway(running: Running) -> None:
    class Page(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.end_headers()
            self.wfile.write(b"<html>")

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Page) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        result = run("list", "--console", f"127.0.0.1:{server.server_port}", exit_code=1)
        thread.join()

    assert "no gateway answers" in result.stderr


@pytest.mark.parametrize("address", ["nonsense", "127.0.0.1:99999", "127.0.0.1:"])
def test_an_address_that_is_none_is_a_wrong_setting(running: Running, address: str) -> None:
    assert run("list", "--console", address, exit_code=78).stderr.startswith("weighlock: ")


def test_a_stranger_that_refuses_in_other_words_is_no_gateway(running: Running) -> None:
    class Api(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(404)
            self.end_headers()
            self.wfile.write(b'["no such thing"]')

        def log_message(self, *_: object) -> None: ...

    with HTTPServer(("127.0.0.1", 0), Api) as server:
        thread = threading.Thread(target=server.handle_request)
        thread.start()
        result = run("list", "--console", f"127.0.0.1:{server.server_port}", exit_code=1)
        thread.join()

    assert "no gateway answers" in result.stderr


@pytest.mark.parametrize("id", ["0123456789ab/decision", "a b", "../approvals", "é", "a?b"])
def test_an_id_that_is_none_stays_an_id(running: Running, id: str) -> None:
    assert run("show", id, exit_code=1).stderr == "weighlock: Not Found\n"


def test_who_decided_and_why_is_shown(running: Running) -> None:
    id = running.hold()
    assert "decisions" not in run("show", id).stdout
    run("approve", id, "--reason", "ticket 12")

    lines = [" ".join(line.split()) for line in run("show", id).stdout.splitlines()]
    assert "decisions approved by alice@example.com: ticket 12" in lines


def test_one_of_two_is_told_that_it_waits_for_others(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    id = running.hold(terms=some_terms("security", need=2))

    assert run("approve", id).stdout == f"{id} approved by alice@example.com, 1 of 2: it waits for others\n"
    monkeypatch.setenv("WEIGHLOCK_TOKEN", "bob-token")
    assert run("approve", id).stdout == f"{id} approved by bob@example.com\n"


def test_what_was_approved_is_taken_back(running: Running) -> None:
    id = running.hold()
    run("approve", id)

    assert run("revoke", id, "--reason", "wrong one").stdout == f"{id} revoked by alice@example.com\n"
    assert running.state(id) == "revoked"


def test_glass_is_broken_in_an_emergency_and_reviewed(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    id = running.hold()
    monkeypatch.setenv("WEIGHLOCK_TOKEN", "max-token")
    assert "reason" in run("approve", id, "--break-glass", exit_code=1).stderr
    run("approve", id, "--break-glass", "--reason", "fire")
    monkeypatch.setenv("WEIGHLOCK_TOKEN", "bob-token")

    assert "BY BROKEN GLASS" in run("show", id).stdout
    assert [one["state"] for one in json.loads(run("list", "--json").stdout)] == ["approved, not reviewed"]
    assert run("review", id, "--reason", "fine").stdout == f"{id} reviewed by bob@example.com\n"
    assert "bob@example.com: fine" in run("show", id).stdout
    assert json.loads(run("list", "--json").stdout) == []


def test_a_live_table_shows_what_waits_until_it_is_stopped(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    id = running.hold()
    looks = []

    def look(seconds: float) -> None:
        looks.append(seconds)
        if len(looks) == 2:
            raise KeyboardInterrupt

    monkeypatch.setattr(MODULE.time, "sleep", look)
    assert id in run("watch", "--interval", "1").stdout
    assert looks == [1.0, 1.0]
