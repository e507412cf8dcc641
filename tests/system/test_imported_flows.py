"""A file of flows is for looking at: in the live gateway it opens nothing, whatever it says of itself."""

from __future__ import annotations

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest
from mitmproxy.io import FlowWriter, read_flows_from_paths

from clients import ask
from demo.gateway import ROOT, Gateway
from demo.model_host import ModelHost

Make = Callable[..., Gateway]


@pytest.fixture
def exported(gateway: Gateway, host: ModelHost, tmp_path: Path) -> Path:
    """What passed once, as an export says it, with an approval put in by hand."""
    answer = ask(gateway, "an imported flow")
    assert answer.status_code == 200
    file, forged = tmp_path / "flows", tmp_path / "forged"
    done = gateway.weighlock("replay", "export", answer.headers["weighlock-exchange"], "-o", str(file))
    assert done.stdout.startswith("1 flows"), done.stderr
    (flow,) = read_flows_from_paths([file])
    assert flow.metadata["weighlock"]["request"]["verdict"]["action"] == "allow"
    flow.metadata["weighlock"]["approval"] = {"id": "f" * 12, "state": "approved"}
    with forged.open("wb") as out:
        FlowWriter(out).add(flow)
    return forged


@pytest.mark.parametrize(
    ("flag", "option"),
    [("--rfile", "rfile"), ("--client-replay", "client_replay"), ("--server-replay", "server_replay")],
)
def test_the_gateway_does_not_start_with_a_file_of_flows(make: Make, exported: Path, flag: str, option: str) -> None:
    gateway = make(arguments=[flag, str(exported)])
    gateway.start()

    assert gateway.exit_code() == 78
    assert f"{option}: this option cannot be used with the gateway" in gateway.output


def test_what_a_flow_says_of_itself_opens_nothing(make: Make, host: ModelHost, exported: Path) -> None:
    connections = host.connections
    script = Path(__file__).parent / "replaying_gateway.py"
    env = {"FLOWS": str(exported), "PYTHONPATH": str(ROOT / "addons")}
    with make(script=script, env=env) as gateway:
        with socket.create_connection(("127.0.0.1", gateway.port), 10):
            gateway.wait_said("REPLAYED ")
        said = json.loads(gateway.output.partition("REPLAYED ")[2].splitlines()[0])

    assert "allow" not in json.dumps(said)
    assert host.connections == connections
    kinds = [one["kind"] for one in json.loads(gateway.weighlock("ledger", "show", "--json").stdout)]
    assert "request" not in kinds
    assert "approval" not in kinds


def test_no_part_of_the_product_reads_a_file_of_flows() -> None:
    sources = [path.read_text() for path in (ROOT / "addons").rglob("*.py")]

    assert len(sources) > 100
    assert not any(word in source for source in sources for word in ("FlowReader", "read_flows_from_paths"))
