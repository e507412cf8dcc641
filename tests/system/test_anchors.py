"""The real gateway and a real witness: nothing goes on while the record is not kept outside the host in time."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from clients import RULES_ALONE, ask
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost
from weighlock.adapters.keys import open_keys
from weighlock.adapters.stores.ledgerfile import NAME, Reader
from weighlock.adapters.stores.receipts import Receipts
from witnessing import free_port

ANCHORS = """\
needed: 1
within: 4s
late: refuse
anchors:
  - {{id: witness, kind: witness, url: '{url}', key: '{key}', every: 1s}}
"""


class WitnessProcess:
    def __init__(self, folder: Path, log: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        words = ["witness", "--state", str(folder), "--log", str(log), "--listen", f"127.0.0.1:{self.port}"]
        self._command = [sys.executable, "-m", "weighlock", *words]

    @contextlib.contextmanager
    def running(self) -> Iterator[str]:
        """Its key."""
        with subprocess.Popen(self._command, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout
            try:
                yield process.stdout.readline().split()[1]
            finally:
                process.kill()


def covered(gateway: Gateway) -> int:
    with contextlib.closing(Receipts.open(gateway.state)) as receipts:
        return max((found.size for found in receipts.newest().values()), default=0)


def until(gateway: Gateway, status: int) -> str:
    """Ask until the answer has that *status*; its exchange."""
    give_up = time.monotonic() + 60
    while (answer := ask(gateway, "hello")).status_code != status:
        assert time.monotonic() < give_up
    return str(answer.headers["weighlock-exchange"])


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """With the keys that a first start makes, so that the witness can be told of them."""
    state = tmp_path / "gateway" / "state"
    state.mkdir(parents=True, mode=0o700)
    open_keys(state)
    return state


def test_what_no_witness_has_seen_in_time_holds_up_all_that_follows(
    tmp_path: Path, state: Path, issuer: DemoIssuer, host: ModelHost
) -> None:
    witness, file = WitnessProcess(tmp_path / "witness", state / "checkpoint.pub"), tmp_path / "anchors.yaml"
    options = {**RULES_ALONE, "weighlock_anchors": str(file)}
    with witness.running() as key:
        file.write_text(ANCHORS.format(url=witness.url, key=key))
        with Gateway(tmp_path / "gateway", issuer, host, options=options) as gateway:
            until(gateway, 200)
            give_up = time.monotonic() + 60
            while covered(gateway) < 3:
                assert time.monotonic() < give_up
    with Gateway(tmp_path / "gateway", issuer, host, options=options) as gateway:  # the witness is gone
        refused = until(gateway, 503)
        seen = len(host.received)
        assert ask(gateway, "not kept outside").json()["error"]["code"] == "anchors-late"
        assert len(host.received) == seen
        with witness.running():
            until(gateway, 200)
            shown = json.loads(gateway.weighlock("ledger", "show", "--limit", "1000", "--json").stdout)

    events = [one["body"].get("event", "") for one in shown]
    assert events.index("anchors-late") < events.index("anchors-in-time")
    assert [one["kind"] for one in shown if one["body"].get("exchange") == refused] == ["refusal"]
    told = json.loads(gateway.weighlock("ledger", "anchors", "--anchors", str(file), "--json").stdout)
    assert [one["anchor"] for one in told["anchors"]] == ["witness"]
    verified = gateway.weighlock("ledger", "verify", "--anchors", str(file))
    assert verified.returncode == 0, verified.stdout


def test_the_last_checkpoint_is_kept_outside_before_a_gateway_ends(
    tmp_path: Path, state: Path, issuer: DemoIssuer, host: ModelHost
) -> None:
    file = tmp_path / "anchors.yaml"
    kept = tmp_path / "kept"
    listed = f"anchors: [{{id: file, kind: file, path: '{kept}', every: 30m}}]"
    file.write_text(f"needed: 1\nwithin: 1h\nlate: warn\n{listed}")
    gateway = Gateway(tmp_path / "gateway", issuer, host, options={**RULES_ALONE, "weighlock_anchors": str(file)})
    with gateway:
        assert ask(gateway, "hello").status_code == 200

    with Reader(state / NAME) as reader:
        assert covered(gateway) == reader.count() == reader.checkpoint()[0]
        assert kept.read_text().endswith(reader.checkpoint()[1] + "\n")
