"""`weighlock run` from an installed wheel: no checkout in sight, and the shipped rules inside it."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from clients import ask
from demo.gateway import ROOT, Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    target: Path = tmp_path_factory.mktemp("installed")
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-build-isolation", "--no-index"]
    subprocess.run([*pip, "--target", str(target), str(ROOT)], check=True, timeout=110, stdin=subprocess.DEVNULL)
    return target


class Installed(Gateway):
    """The gateway as `weighlock run` starts it."""

    def command(self) -> list[str]:
        given = {
            "listen-port": self.port,
            "state": self.state,
            "rules": self.rules,
            "upstream-ca": self.host.ca,
            "console": f"127.0.0.1:{self.console_port}",
        }
        options = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        return [sys.executable, "-P", "-m", "weighlock", "run", *options]

    @property
    def ca(self) -> Path:
        return self.state / "mitmproxy" / "mitmproxy-ca-cert.pem"


def test_the_gateway_runs_from_a_wheel(installed: Path, tmp_path: Path, issuer: DemoIssuer, host: ModelHost) -> None:
    seen = len(host.received)
    with Installed(tmp_path, issuer, host, env={"PYTHONPATH": str(installed)}) as gateway:
        answer = ask(gateway, "I am Maria Lopez, maria@example.com")
        console = f"http://127.0.0.1:{gateway.console_port}"
        pages = [httpx.get(console + path, trust_env=False) for path in ("/", "/static/app.js", "/api/openapi.json")]

    assert answer.status_code == 200
    assert [page.status_code for page in pages] == [401, 200, 200]
    assert "Nobody can log in here yet" in pages[0].text
    assert b"maria@example.com" not in host.received[seen:]
    assert (installed / "weighlock" / "rules" / "policy" / "default.yaml").is_file()


def test_the_wheel_carries_the_notices_of_the_work_that_it_uses(installed: Path) -> None:
    (notice,) = installed.glob("weighlock-*.dist-info/licenses/**/NOTICE")

    for work in ("National Design Studio", "ExplosionAI", "Unicode, Inc."):
        assert work in notice.read_text()


def test_the_installed_command_finds_the_shipped_rules(installed: Path, tmp_path: Path) -> None:
    env = {"PYTHONPATH": str(installed), "HOME": str(tmp_path), "PATH": "/usr/bin:/bin"}
    code = "from weighlock.adapters.rulebook import shipped; print(shipped())"

    shown = subprocess.run([sys.executable, "-P", "-c", code], env=env, capture_output=True, text=True, check=True)

    assert Path(shown.stdout.strip()) == installed / "weighlock" / "rules"
