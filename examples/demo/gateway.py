"""The real gateway as a process, between the demo's issuer and model host. For the demo, the tests and the benches."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Self

from demo.issuer import APPROVER_AUDIENCE, AUDIENCE, DemoIssuer
from demo.model_host import ModelHost

ROOT = Path(__file__).parents[2]
CREDENTIAL = "demo-gateway-credential"
READY = "weighlock: ready"


def launched(command: Sequence[str], env: Mapping[str, str]) -> subprocess.Popen[str]:
    """A process whose errors are among its output."""
    return subprocess.Popen(
        command, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )


def ran(command: Sequence[str], env: Mapping[str, str], timeout: float) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, env=env, capture_output=True, text=True, timeout=timeout, check=False)


class Gateway:
    """`mitmdump -s addons/gateway.py` with rules of its own in *folder*. A context manager; stopping is SIGTERM."""

    launch = staticmethod(launched)
    run = staticmethod(ran)

    def __init__(
        self,
        folder: Path,
        issuer: DemoIssuer,
        host: ModelHost,
        *,
        options: Mapping[str, str] | None = None,
        script: Path = ROOT / "addons" / "gateway.py",
        arguments: Sequence[str] = (),
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.folder, self.issuer, self.host, self.script = folder, issuer, host, script
        self.rules, self.state, self.confdir = folder / "rules", folder / "state", folder / "mitmproxy"
        self.port, self.console_port = free_port(), free_port()
        self.output = ""
        self.process: subprocess.Popen[str] | None = None
        self._options, self._arguments, self._env = options or {}, arguments, env or {}
        self._settled, self._told = threading.Event(), threading.Condition()
        if not self.rules.exists():
            write_rules(self.rules, issuer, host)
        self.confdir.mkdir(parents=True, exist_ok=True)

    @property
    def ca(self) -> Path:
        return self.confdir / "mitmproxy-ca-cert.pem"

    def proxy(self, token: str = "", user: str = "oidc") -> str:
        return f"http://{user}:{token}@127.0.0.1:{self.port}" if token else f"http://127.0.0.1:{self.port}"

    @property
    def url(self) -> str:
        return f"https://localhost:{self.host.port}/v1"

    @property
    def env(self) -> dict[str, str]:
        """For the `weighlock` command, on the gateway's host: its settings too."""
        own = {
            "WEIGHLOCK_STATE": str(self.state),
            "WEIGHLOCK_RULES": str(self.rules),
            "WEIGHLOCK_CONSOLE": f"127.0.0.1:{self.console_port}",
            "WEIGHLOCK_WORKERS": "1",
            "PYTHONPATH": str(ROOT / "addons"),
        }
        own |= {name.upper(): value for name, value in self._options.items() if name.startswith("weighlock_")}
        return {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8"} | own

    def command(self) -> list[str]:
        given = {
            "confdir": str(self.confdir),
            "weighlock_rules": str(self.rules),
            "weighlock_state": str(self.state),
            "weighlock_upstream_ca": str(self.host.ca),
            "weighlock_console": f"127.0.0.1:{self.console_port}",
            "weighlock_workers": "1",  # each takes seconds of a processor to start
        } | dict(self._options)
        mitmdump = [sys.executable, "-c", "from mitmproxy.tools.main import mitmdump; mitmdump()"]
        sets = [word for name, value in given.items() for word in ("--set", f"{name}={value}")]
        listen = ["--listen-host", "127.0.0.1", "--listen-port", str(self.port)]
        return [*mitmdump, "-s", str(self.script), *listen, *sets, *self._arguments]

    def start(self) -> None:
        """Start without waiting."""
        env = {"PATH": os.environ["PATH"], "HOME": str(self.folder), "LANG": "C.UTF-8", "LLM_KEY": CREDENTIAL}
        self.process = self.launch(self.command(), env | dict(self._env))
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def wait_ready(self) -> None:
        """RuntimeError with the gateway's own words where it ends instead."""
        self._settled.wait(90)
        if READY not in self.output:
            raise RuntimeError(f"the gateway did not start:\n{self.output}")

    def wait_said(self, text: str) -> None:
        """RuntimeError with the gateway's own words where it ends without saying *text*."""
        assert self.process is not None
        with self._told:
            while text not in self.output:
                if not self._told.wait(0.5) and self.process.poll() is not None:
                    raise RuntimeError(f"the gateway did not say {text!r}:\n{self.output}")

    def exit_code(self) -> int:
        """Waits for the process to end by itself."""
        assert self.process is not None
        code = self.process.wait(90)
        self._reader.join()
        return code

    def stop(self) -> int:
        if self.process is None:
            return 0
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(30)
        except subprocess.TimeoutExpired:
            self.process.kill()
            raise
        self._reader.join()
        return code

    def weighlock(self, *arguments: str, env: Mapping[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run the command line tool as the gateway's operator."""
        return self.run([sys.executable, "-m", "weighlock", *arguments], self.env | dict(env or {}), 120)

    def token(self, **claims: object) -> str:
        return self.issuer.mint(**{"project_id": 7, "groups": ["ci"], "actor_id": "42"} | claims)  # type: ignore[arg-type]

    def approver(self, **claims: object) -> str:
        person: dict[str, object] = {"sub": "alice", "email": "alice@example.com", "groups": ["security"]}
        return self.issuer.mint(**person | {"aud": APPROVER_AUDIENCE} | claims)  # type: ignore[arg-type]

    def _read(self) -> None:
        assert self.process is not None
        assert self.process.stdout is not None
        with self.process.stdout as lines:
            for line in lines:
                with self._told:
                    self.output += line
                    self._told.notify_all()
                if READY in line:
                    self._settled.set()
        self._settled.set()

    def __enter__(self) -> Self:
        self.start()
        try:
            self.wait_ready()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.stop()


def write_rules(rules: Path, issuer: DemoIssuer, host: ModelHost) -> None:
    """The shipped rules, with loopback for a destination and the demo's issuer for an issuer."""
    shutil.copytree(ROOT / "rules", rules)
    (rules / "destinations.yaml").write_text(
        f"destinations:\n  - {{name: llm, host: localhost, port: {host.port}, dialects: [openai, generic], "
        f"credential: 'env:LLM_KEY'}}\n"
    )
    (rules / "identity" / "issuers.yaml").write_text(
        f"issuers:\n  - {{url: '{issuer.url}', jwks: '{issuer.jwks_url}', audience: {AUDIENCE}, "
        f"approver_audience: {APPROVER_AUDIENCE}}}\n"
    )
    (rules / "identity" / "workloads.yaml").write_text(
        f"workloads:\n  - {{id: nightly, owner: dana@example.com, issuer: '{issuer.url}', "
        f"claims: {{project_id: '7'}}, review: 2099-12-31}}\n"
        f"  - {{id: export, owner: casey@example.com, issuer: '{issuer.url}', "
        f"claims: {{project_id: '9'}}, ends: 2099-12-31}}\n"
    )
    (rules / "identity" / "people.yaml").write_text(
        "people:\n  - {id: dana, emails: [dana@example.com]}\n"
        f"  - {{id: casey, emails: [casey@example.com], accounts: "
        f"[{{issuer: '{issuer.url}', claims: {{actor_id: '1047'}}}}]}}\n"
    )


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
    return port
