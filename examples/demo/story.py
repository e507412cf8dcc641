"""The story, played with real parts: `./scripts/demo [--keep]`. Exit code 0 only if each step showed what it should."""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import httpx
import openai
from rich.console import Console
from rich.progress import Progress, SpinnerColumn, TextColumn

from demo.gateway import Gateway, free_port
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost

out = Console(highlight=False)

# Put together here, so that no scanner takes this file for a leak.
STATIC_KEY = "sk-proj-" + "9f8E7d6C5b4A39281706F5e4D3c2B1a0" * 2
OTHER_KEY = "sk-ant-" + "api03-" + "4b5A6c7D8e9F00112a3B4c5D6e7F8899" * 2
SECRET = "ghp_" + "16C7e42F292c6912E7710c838347Ae178B4a"
BULK = "Export these customers: " + "; ".join(f"customer{n}@example.com" for n in range(12))


class Story:
    def __init__(self, gateway: Gateway) -> None:
        self.gateway, self.host = gateway, gateway.host
        self.failed: list[str] = []
        self.steps = 0
        self.token = gateway.token()

    # -- clients ----------------------------------------------------------------------------------------------------

    def curl(self, prompt: str, token: str = "", *more: str) -> str:
        """curl's view: the answer's body, and the status behind it."""
        body = json.dumps({"model": "demo", "messages": [{"role": "user", "content": prompt}]})
        command = ["curl", "--silent", "--show-error", "--max-time", "60", "--cacert", str(self.gateway.ca)]
        command += ["--proxy", self.gateway.proxy(token or self.token), "--write-out", "\n%{http_code}"]
        command += ["--header", "content-type: application/json", *more, "--data", body]
        done = subprocess.run(
            [*command, f"{self.gateway.url}/chat/completions"], capture_output=True, text=True, check=False
        )
        return done.stdout + done.stderr

    def sdk(self, token: str = "") -> openai.OpenAI:
        trust = ssl.create_default_context(cafile=str(self.gateway.ca))
        http = httpx.Client(proxy=self.gateway.proxy(token or self.token), verify=trust, trust_env=False)
        return openai.OpenAI(base_url=self.gateway.url, api_key="weighlock", http_client=http)

    # -- telling ----------------------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def step(self, title: str) -> Iterator[Callable[[str, str, bool], None]]:
        self.steps += 1
        out.print(f"\n[bold]{self.steps:2}  {title}[/bold]")

        def show(who: str, what: str, holds: bool) -> None:
            mark = "[green]✓[/green]" if holds else "[red]✗[/red]"
            out.print(f"    {mark} [dim]{who:12}[/dim]", end=" ")
            out.print(what.strip(), markup=False, soft_wrap=True)
            if not holds:
                self.failed.append(title)

        try:
            yield show
        except Exception as error:  # a step that cannot be played has not shown what it should
            show("broke", f"{type(error).__name__}: {error}", False)

    def at_host(self, mark: int) -> str:
        """What reached the model host since *mark*: the last message's text, or nothing."""
        seen = bytes(self.host.received[mark:])
        if not seen:
            return "(nothing)"
        return str(json.loads(seen.rpartition(b"\r\n\r\n")[2])["messages"][-1]["content"])

    # -- the steps --------------------------------------------------------------------------------------------------

    def play(self) -> None:
        self.clean()
        self.personal()
        self.leak()
        self.secret()
        self.static_key()
        self.offboard()
        self.held()
        self.live_policy()
        self.ledger()
        self.replayed()

    def clean(self) -> None:
        with self.step("A clean prompt passes (curl)") as show:
            answer = self.curl("How do canal locks work?")
            show("client", _said(answer), "You said: How do canal locks work?" in answer)

    def personal(self) -> None:
        with self.step("Personal data leaves as pseudonyms (openai SDK)") as show:
            mark, prompt = len(self.host.received), "Write to Maria Lopez, maria.lopez@example.com, about her refund."
            self.sdk().chat.completions.create(model="demo", messages=[{"role": "user", "content": prompt}])
            seen = self.at_host(mark)
            show("client sent", prompt, True)
            show("host saw", seen, "Maria" not in seen and "maria.lopez" not in seen and "<PERSON_" in seen)

    def leak(self) -> None:
        with self.step("A card number in the middle of a streamed answer is masked as it flows (openai SDK)") as show:
            messages: Any = [{"role": "user", "content": "Please leak a card."}]
            chunks = self.sdk().chat.completions.create(model="demo", messages=messages, stream=True)
            text = "".join(chunk.choices[0].delta.content or "" for chunk in chunks)
            show("client saw", text, "4111" not in text and "***1111" in text and text.endswith("next year."))

    def secret(self) -> None:
        with self.step("A secret in a prompt is blocked (openai SDK)") as show:
            mark = len(self.host.received)
            messages: Any = [{"role": "user", "content": f"Why does {SECRET} not work?"}]
            try:
                self.sdk().chat.completions.create(model="demo", messages=messages)
                said = "(an answer)"
            except openai.PermissionDeniedError as error:
                said = str(error.body.get("message") if isinstance(error.body, dict) else error)
            show("client saw", said, "secrets-never-leave" in said and SECRET not in said)
            show("host saw", self.at_host(mark), len(self.host.received) == mark)

    def static_key(self) -> None:
        with self.step("The contractor's static key is refused, and is first in the report (curl)") as show:
            mark = len(self.host.received)
            self.curl("Which of our tests are flaky?", self.token, "--header", f"x-api-key: {OTHER_KEY}")
            for _ in range(3):
                answer = self.curl(
                    "Summarise the customers", self.token, "--header", f"authorization: Bearer {STATIC_KEY}"
                )
            show("client saw", _said(answer), answer.endswith("401") and "static-key" in answer)
            show("host saw", self.at_host(mark), len(self.host.received) == mark)
            done = self.gateway.weighlock("report", "credentials", "--json")
            key, other = json.loads(done.stdout)
            what = "{vendor} {fingerprint} …{last4}, {requests} × by {workload} to {host}, {bytes} bytes"
            show("report", what.format(**key), (key["last4"], key["requests"]) == (STATIC_KEY[-4:], 3))
            show("then", what.format(**other), STATIC_KEY not in done.stdout)

    def offboard(self) -> None:
        with self.step("The contractor leaves: the job's session is still good, and refused (offboard)") as show:
            gateway, job = self.gateway, {"WEIGHLOCK_TOKEN": self.gateway.token(project_id=9, actor_id="1047")}
            where = ["--gateway", f"http://127.0.0.1:{gateway.port}", "--ca", str(gateway.ca)]
            line = gateway.weighlock("login", *where, env=job).stdout
            session = line.partition("session:")[2].partition("@")[0]
            show("the job", f"{line[:35]}…", session.startswith("wls_"))
            before = self.curl("hello", session)
            done = gateway.weighlock("offboard", "casey@example.com", "--reason", "contract ended", "--json")
            cut_at, report = time.monotonic(), json.loads(done.stdout)
            owned = ", ".join(workload["workload"] for workload in report["workloads"])
            cut = ", ".join(f"{cut['claim']}={cut['value']}" for cut in report["cutoffs"])
            show("operator", f"cut off {cut}; owned {owned}", owned == "export" and "actor_id=1047" in cut)
            # A request that is under way at that moment is cut short, so look at one that came after.
            while not (after := self.curl("hello", session)).endswith("403") and time.monotonic() < cut_at + 5:
                pass
            words = f"{before[-3:]} before, {after[-3:]} {time.monotonic() - cut_at:.1f} s after: {_said(after)}"
            show("client saw", words, before.endswith("200") and "cut-off" in after)

    def held(self) -> None:
        with self.step("A bulk export is held until somebody else signs it off (curl, and a second terminal)") as show:
            mark, answers = len(self.host.received), []
            client = threading.Thread(target=lambda: answers.append(self.curl(BULK)))
            client.start()
            environment = {"WEIGHLOCK_TOKEN": self.gateway.approver()}
            pending: list[Any] = []
            while client.is_alive() and not pending:
                pending = json.loads(self.gateway.weighlock("approvals", "list", "--json", env=environment).stdout)
            show("held", f"{pending[0]['id']}: {pending[0]['because']}", len(self.host.received) == mark)
            own = {"WEIGHLOCK_TOKEN": self.gateway.approver(sub="dana", email="dana@example.com")}
            done = self.gateway.weighlock("approvals", "approve", pending[0]["id"], env=own)
            show("its owner", done.stderr, done.returncode == 1)
            done = self.gateway.weighlock("approvals", "approve", pending[0]["id"], env=environment)
            show("security", done.stdout, done.returncode == 0)
            client.join()
            seen = self.at_host(mark)
            show("host saw", seen[:100] + "…", "customer1@" not in seen and "<EMAIL_ADDRESS_" in seen)
            show("client saw", answers[0][-3:], answers[0].endswith("200"))

    def live_policy(self) -> None:
        title = "A rule edited live judges the next request; one with a mistake does not (curl)"
        with self.step(title) as show:
            question, file = "Tell me about Project Nightingale.", self.gateway.rules / "policy" / "nightingale.yaml"
            rule = self.gateway.rules / "detect" / "business" / "nightingale.yaml"
            rule.write_text(NIGHTINGALE_RULE)
            told = ""
            file.write_text(NIGHTINGALE_POLICY.replace("effect", "efect"))
            edited = time.monotonic()
            while (before := self.curl(question)).endswith("200") and time.monotonic() < edited + 10:
                if told := self.gateway.output.partition("rules rejected: ")[2]:
                    break
            said = told.partition("\n")[0]
            show("gateway log", said, "did you mean 'effect'?" in said and before.endswith("200"))
            file.write_text(NIGHTINGALE_POLICY)
            edited = time.monotonic()
            while (after := self.curl(question)).endswith("200") and time.monotonic() < edited + 10:
                pass
            took = time.monotonic() - edited
            words = f"{before[-3:]} before, {after[-3:]} {took:.1f} s after: {_said(after)}"
            show("client saw", words, "nightingale-stays" in after and took < 2)

    def ledger(self) -> None:
        with self.step("The ledger verifies; one byte of a copy changed, and the change is named") as show:
            waited = time.monotonic()
            while " 0 checkpoints" in (done := self.gateway.weighlock("ledger", "verify")).stdout:
                if time.monotonic() > waited + 15:  # one is signed every five seconds
                    break
            show("verify", done.stdout, done.returncode == 0 and " 0 checkpoints" not in done.stdout)
            copy = self.gateway.folder / "copy.db"
            with sqlite3.connect(self.gateway.state / "ledger.db") as source, sqlite3.connect(copy) as target:
                source.backup(target)
            seq = _edit_one_byte(copy)
            key = str(self.gateway.state / "checkpoint.pub")
            done = self.gateway.weighlock("ledger", "verify", str(copy), "--key", key)
            show(
                "verify copy", done.stdout + done.stderr, done.returncode == 1 and str(seq) in done.stdout + done.stderr
            )

    def replayed(self) -> None:
        with self.step("The flows are exported, and mitmweb shows them") as show:
            flows = self.gateway.folder / "flows.mitm"
            done = self.gateway.weighlock("replay", "export", "--output", str(flows))
            show("export", done.stdout or done.stderr, done.returncode == 0)
            with mitmweb(flows, self.gateway.folder) as listed:
                refused = [flow for flow in listed if flow["response"]["status_code"] in (401, 403)]
                words = f"{len(listed)} flows, {len(refused)} of them refused; the first says: {listed[0]['comment']}"
                show("mitmweb", words, len(listed) > 8 and len(refused) > 3 and all(flow["comment"] for flow in listed))


EXAMPLE = json.dumps({"model": "demo", "messages": [{"role": "user", "content": "I am Maria Lopez"}]})
NIGHTINGALE_RULE = """\
id: nightingale
title: A project that is not public
level: high
entity: PROJECT
tags: [unannounced]
pattern: '(?i)project nightingale'
score: 0.9
match: [Project Nightingale]
clear: [a nightingale sang]
"""
NIGHTINGALE_POLICY = """\
statements:
  - id: nightingale-stays
    effect: block
    findings: {tags: [unannounced]}
    reason: This project is not public.
"""


def _said(answer: str) -> str:
    """The message in a chat completion or a refusal, as curl got it."""
    body, _, status = answer.rpartition("\n")
    try:
        value = json.loads(body)
        return str(value["error"]["message"] if "error" in value else value["choices"][0]["message"]["content"])
    except (ValueError, KeyError):
        return f"{body} {status}"


def _edit_one_byte(file: Path) -> int:
    """Flip one letter of an entry in *file*, past its guards, as somebody with the disk would; returns the entry."""
    with sqlite3.connect(file) as connection:
        for (name,) in connection.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            connection.execute(f'DROP TRIGGER "{name}"')
        connection.execute("UPDATE entries SET entry = replace(entry, 'nightly', 'nightlx') WHERE seq = 3")
    return 3


@contextlib.contextmanager
def mitmweb(flows: Path, folder: Path) -> Iterator[list[dict[str, Any]]]:
    """The flows as mitmweb, started on the file, lists them."""
    port, password = free_port(), "demo"
    options = {"web_port": str(port), "web_password": password, "confdir": str(folder / "mitmweb")}
    sets = [word for name, value in options.items() for word in ("--set", f"{name}={value}")]
    command = [sys.executable, "-c", "from mitmproxy.tools.main import mitmweb; mitmweb()"]
    process = subprocess.Popen(
        [*command, "-n", "-r", str(flows), "--no-web-open-browser", *sets],
        env=os.environ | {"PYTHONUNBUFFERED": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    try:
        assert process.stdout is not None
        for line in process.stdout:
            if "listening" in line.lower():
                break
        headers = {"authorization": f"Bearer {password}"}
        with httpx.Client(trust_env=False, headers=headers, timeout=10) as web:
            listed: list[dict[str, Any]] = web.get(f"http://127.0.0.1:{port}/flows").json()
        yield listed
    finally:
        process.terminate()
        process.wait(20)
        process.stdout.close() if process.stdout else None


def keep(gateway: Gateway) -> None:
    """Say what to try by hand, and wait for Ctrl-C."""
    env = " ".join(f"{name}={value}" for name, value in gateway.env.items() if name.startswith("WEIGHLOCK"))
    out.print("\n[bold]It keeps running. In another terminal:[/bold]\n")
    for command in (
        f"export {env} WEIGHLOCK_TOKEN={gateway.approver(lifetime=3000)}",
        f"export HTTPS_PROXY={gateway.proxy(gateway.token(lifetime=3000))} CURL_CA_BUNDLE={gateway.ca}",
        f"curl {gateway.url}/chat/completions -H 'content-type: application/json' -d '{EXAMPLE}'",
        ".venv/bin/weighlock approvals list",
        ".venv/bin/weighlock ledger show",
        f"$EDITOR {gateway.rules}/policy/default.yaml",
    ):
        out.print(f"  {command}", markup=False, soft_wrap=True)
    out.print("\nCtrl-C ends it.")
    with contextlib.suppress(KeyboardInterrupt):
        threading.Event().wait()


def main() -> int:
    parser = argparse.ArgumentParser(prog="scripts/demo", description=__doc__)
    parser.add_argument("--keep", action="store_true", help="leave it running, with commands to try by hand")
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="weighlock-demo-") as folder, contextlib.ExitStack() as stack:
        issuer = DemoIssuer()
        stack.callback(issuer.stop)
        host = ModelHost(Path(folder) / "host")
        stack.callback(host.stop)
        gateway = Gateway(Path(folder) / "gateway", issuer, host)
        with Progress(SpinnerColumn(), TextColumn("{task.description}"), console=out, transient=True) as progress:
            progress.add_task("Starting an issuer, a model host and the gateway")
            stack.enter_context(gateway)
        out.print("An OpenID issuer, a model host over TLS and the gateway run on loopback.")
        story = Story(gateway)
        story.play()
        if story.failed:
            out.print(f"\n[red]Not as it should be:[/red] {'; '.join(dict.fromkeys(story.failed))}")
        else:
            out.print(f"\n[green]All {story.steps} steps showed what they should.[/green]")
        if asked.keep:
            keep(gateway)
    return 1 if story.failed else 0


if __name__ == "__main__":
    raise SystemExit(main())
