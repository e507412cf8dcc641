"""A state folder on a file system that is read-only: no gateway starts there, and all that only reads goes on."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path

import pytest

from clients import RULES_ALONE, ask
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost

READ_ONLY = 'mount --bind "$0" "$0" && mount -o remount,ro,bind "$0" && exec "$@"'
"""A script: for its own eyes the folder is read-only."""


def _may_mount() -> bool:
    asked = ["unshare", "-rm", "true"]
    return bool(shutil.which("unshare")) and subprocess.run(asked, capture_output=True, check=False).returncode == 0


pytestmark = pytest.mark.skipif(not _may_mount(), reason="no mount namespaces here")


def read_only(folder: Path, command: list[str], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    words = ["unshare", "-rm", "sh", "-c", READ_ONLY, str(folder), *command]
    return subprocess.run(words, env=env, capture_output=True, text=True, timeout=120, check=False)


def test_nothing_starts_where_nothing_can_be_recorded_and_the_record_is_read(
    tmp_path: Path, issuer: DemoIssuer, host: ModelHost
) -> None:
    with Gateway(tmp_path, issuer, host, options=RULES_ALONE) as gateway:
        assert ask(gateway, "hello").status_code == 200
    env = {"PATH": os.environ["PATH"], "HOME": str(tmp_path), "LANG": "C.UTF-8", "LLM_KEY": "x"}

    started = read_only(gateway.state, gateway.command(), env)
    assert started.returncode == 78
    (complaint,) = [line for line in started.stderr.splitlines() if line.startswith("weighlock:")]
    assert "Read-only file system" in complaint
    weighlock = [gateway.command()[0], "-m", "weighlock"]
    verified = read_only(gateway.state, [*weighlock, "ledger", "verify"], gateway.env)
    assert (verified.returncode, verified.stdout[:3]) == (0, "ok:"), verified.stderr
    listed = read_only(gateway.state, [*weighlock, "sessions", "list", "--json"], gateway.env)
    assert [one["workload"] for one in json.loads(listed.stdout)] == ["nightly"]
