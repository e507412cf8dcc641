"""`weighlock replay ui` in a real browser."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from builders import a_finding
from demo.gateway import free_port
from devtools import CHROMIUM, Browser
from ledgers import a_verdict, an_exchange, ledger_file
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind
from weighlock.model import Action
from weighlock.wire import message

PLAIN = b"maria.lopez@example.com"
SENT = message.encode("POST /v1/chat/completions HTTP/1.1", (), b'{"say":"' + PLAIN + b'"}')
FORWARDED = message.encode("POST /v1/chat/completions HTTP/1.1", (), b'{"say":"<EMAIL_ADDRESS>"}')
ANSWER = message.encode("HTTP/1.1 200 OK", (("content-type", "application/json"),), b'{"answer":"hello"}')

pytestmark = [pytest.mark.slow, pytest.mark.skipif(not CHROMIUM, reason="no Chromium here")]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    home = tmp_path_factory.mktemp("home")
    exchange = an_exchange(findings=(a_finding(),), verdict=a_verdict(action=Action.MASK))
    answer = entry.response_body(exchange, status=200, findings=(), verdict=a_verdict(), refused=None)
    sent = {"request.sent": SENT, "request.forwarded": FORWARDED}
    came = {"response.received": ANSWER, "response.delivered": ANSWER}
    entries = [(Kind.REQUEST, entry.request_body(exchange), sent), (Kind.RESPONSE, answer, came)]
    ledger_file(home / "state", entries)
    return home


@pytest.fixture(scope="module")
def shown(home: Path) -> Iterator[tuple[int, str]]:
    """The process, and the address that it says."""
    asked = ["--state", str(home / "state"), "--port", str(free_port()), "--no-browser", "--view", "client"]
    process = subprocess.Popen(
        [sys.executable, "-m", "weighlock", "replay", "ui", *asked],
        env={"PATH": os.environ["PATH"], "HOME": str(home), "LANG": "C.UTF-8", "PYTHONPATH": os.pathsep.join(sys.path)},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    try:
        with process.stdout as lines:
            said = lines.readline()
        assert said.startswith("1 flows at http://127.0.0.1:")
        yield process.pid, said.split()[-1]
    finally:
        process.terminate()
        assert process.wait(30) == 0


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory, shown: tuple[int, str]) -> Iterator[Browser]:
    with Browser(tmp_path_factory.mktemp("chromium")) as browser:
        browser.open(shown[1])
        browser.text("/v1/chat/completions")
        yield browser


def opened(pid: int) -> list[Path]:
    """What the process has open."""
    return [link.readlink() for link in Path(f"/proc/{pid}/fd").iterdir()]


def listening(pid: int) -> list[str]:
    """The addresses as the kernel spells them."""
    own = {path.name for path in opened(pid)}
    rows = [row.split() for file in ("tcp", "tcp6") for row in Path(f"/proc/{pid}/net/{file}").read_text().splitlines()]
    return [row[1] for row in rows if row[3] == "0A" and f"socket:[{row[9]}]" in own]


def test_the_flows_stand_there_with_verdict_principal_and_findings(browser: Browser, tmp_path: Path) -> None:
    browser.text("mask · model-calls · nightly of dana as repo:acme/nightly · EMAIL_ADDRESS ×1", "🔒")

    browser.run("document.querySelector('tr.has-request').click()")
    text = browser.text("verdict: mask because of model-calls", f"policy: {'d' * 64}")
    browser.screenshot(tmp_path / "ui.png")

    assert "principal: nightly of dana as repo:acme/nightly" in text
    assert "- EMAIL_ADDRESS at /messages/0/content 0-5, by email-address, medium" in text
    assert PLAIN.decode() in text  # it is the client's view
    assert (tmp_path / "ui.png").read_bytes().startswith(b"\x89PNG")


def test_nothing_can_be_sent_from_there(browser: Browser) -> None:
    ask = """
        (async () => {
            const [, token] = document.cookie.match(/_mitmproxy_xsrf=([^;]+)/);
            const headers = {"X-XSRFToken": token, "content-type": "application/json"};
            const [flow] = await (await fetch("flows")).json();
            const replayed = await fetch(`flows/${flow.id}/replay`, {method: "POST", headers});
            const body = JSON.stringify({server: true, mode: ["regular@PORT"]});
            await fetch("options", {method: "PUT", headers, body});
            return [replayed.status, await replayed.text()];
        })()
    """
    port = free_port()
    status, _ = browser.run(ask.replace("PORT", str(port)))

    assert status == 500


def test_it_listens_on_loopback_alone_and_lets_nobody_in_without_its_token(
    browser: Browser, shown: tuple[int, str]
) -> None:
    pid, url = shown
    port = int(url.rpartition(":")[2].partition("/")[0])

    assert listening(pid) == [f"0100007F:{port:04X}"]
    assert browser.run(f"fetch('{url.partition('?')[0]}flows', {{credentials: 'omit'}}).then(a => a.status)") == 403


def test_nothing_of_what_it_shows_is_written(browser: Browser, home: Path, shown: tuple[int, str]) -> None:
    browser.text(PLAIN.decode())
    files = [path for path in home.rglob("*") if path.is_file()]

    assert {path.parent.name for path in files} == {"state"}
    assert not any(PLAIN in path.read_bytes() for path in files)
    assert not any(path.is_file() for path in opened(shown[0]))
