"""Every known way to run mitmproxy's side of the gateway without protection ends in a refusal, or in a clean exit."""

from __future__ import annotations

import contextlib
import socket
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clients import RULES_ALONE, ask, chat, client
from demo.gateway import READY, ROOT, Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost

EX_CONFIG = 78
Make = Callable[..., Gateway]


def refused_start(gateway: Gateway) -> str:
    """The one line with which the gateway refuses to start."""
    gateway.start()
    assert gateway.exit_code() == EX_CONFIG
    assert READY not in gateway.output
    return next(line for line in gateway.output.splitlines() if line.startswith("weighlock: cannot start: "))


@pytest.mark.parametrize(
    ("options", "named"),
    [
        ({"weighlock_workers": "many"}, "weighlock_workers"),
        ({"weighlock_body_limit": "-1"}, "weighlock_body_limit"),
        ({"weighlock_hold_for": "soon"}, "weighlock_hold_for"),
        ({"weighlock_console": "8081"}, "weighlock_console"),
        ({"weighlock_rules": "/nowhere"}, "/nowhere"),
        ({"weighlock_rules_key": "/nowhere"}, "/nowhere"),
        ({"weighlock_polcy": "x"}, "weighlock_polcy"),
        ({"no_such_option": "x"}, "no_such_option"),
        ({"ssl_insecure": "true"}, "ssl_insecure"),
        ({"ignore_hosts": ".*"}, "ignore_hosts"),
        ({"allow_hosts": "x"}, "allow_hosts"),
        ({"tcp_hosts": ".*"}, "tcp_hosts"),
        ({"stream_large_bodies": "1k"}, "stream_large_bodies"),
        ({"body_size_limit": "1g"}, "body_size_limit"),
        ({"websocket": "false"}, "websocket"),
        ({"validate_inbound_headers": "false"}, "validate_inbound_headers"),
        ({"modify_body": "/~q/a/b"}, "modify_body"),
        ({"modify_headers": "/~q/a/b"}, "modify_headers"),
        ({"map_remote": "|a|b"}, "map_remote"),
        ({"map_local": "|a|/etc"}, "map_local"),
        ({"save_stream_file": "/dev/null"}, "save_stream_file"),
        ({"hardump": "/dev/null"}, "hardump"),
        ({"flow_detail": "4"}, "flow_detail"),
        ({"upstream_auth": "a:b"}, "upstream_auth"),
        ({"mode": "transparent"}, "mode"),
        ({"mode": "socks5"}, "mode"),
        ({"server": "false"}, "server"),
        ({"proxyauth": "any"}, "proxyauth"),
        ({"stickyauth": ".*"}, "stickyauth"),
        ({"termlog_verbosity": "debug"}, "termlog_verbosity"),
        ({"weighlock_notify": "/not/there.yaml"}, "/not/there.yaml: cannot be read"),
    ],
    ids=lambda value: next(iter(value)) if isinstance(value, dict) else "",
)
def test_a_dangerous_unknown_or_malformed_option_stops_the_start(
    make: Make, options: dict[str, str], named: str
) -> None:
    assert named in refused_start(make(options=options))


@pytest.mark.parametrize("name", ["config.yaml", "config.yml"])
def test_a_config_file_that_would_override_the_command_line_stops_the_start(make: Make, name: str) -> None:
    gateway = make()
    (gateway.confdir / name).write_text("ssl_insecure: false\n")

    assert name in refused_start(gateway)


@pytest.mark.parametrize("variable", ["SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE"])
def test_logging_tls_keys_stops_the_start(make: Make, variable: str, tmp_path: Path) -> None:
    assert variable in refused_start(make(env={variable: str(tmp_path / "keys")}))


def test_an_unknown_variable_of_ours_stops_the_start(make: Make) -> None:
    assert "WEIGHLOCK_POLCY" in refused_start(make(env={"WEIGHLOCK_POLCY": "x"}))


def test_another_script_beside_the_gateway_stops_the_start(make: Make, tmp_path: Path) -> None:
    other = tmp_path / "other.py"
    other.write_text("def request(flow): raise RuntimeError\n")

    assert "scripts" in refused_start(make(arguments=["-s", str(other)]))


def test_a_second_gateway_on_the_same_ledger_does_not_start(make: Make, gateway: Gateway) -> None:
    assert "ledger" in refused_start(make(options={"weighlock_state": str(gateway.state)}))


def test_a_taken_console_address_stops_the_start(make: Make, gateway: Gateway) -> None:
    taken = f"127.0.0.1:{gateway.console_port}"

    assert "console" in refused_start(make(options={"weighlock_console": taken}))


def test_a_gateway_script_that_does_not_parse_does_not_serve(make: Make, tmp_path: Path) -> None:
    script = tmp_path / "gateway.py"
    script.write_text((ROOT / "addons" / "gateway.py").read_text() + "\ndef broken(:\n")
    gateway = make(script=script)
    gateway.start()

    assert gateway.exit_code() != 0
    assert READY not in gateway.output


LOOKS = 1.0
"""Seconds after which mitmproxy looks at its scripts again."""


@pytest.fixture(scope="module")
def scripted(tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer, host: ModelHost) -> Iterator[Gateway]:
    """A gateway whose script may be edited."""
    folder = tmp_path_factory.mktemp("scripted")
    script = folder / "addons" / "gateway.py"
    script.parent.mkdir()
    script.write_text((ROOT / "addons" / "gateway.py").read_text())
    env = {"PYTHONPATH": str(ROOT / "addons")}
    with Gateway(folder, issuer, host, script=script, env=env, options=RULES_ALONE) as gateway:
        yield gateway


@pytest.mark.parametrize("change", ["touch", "garbage", "empty", "delete", "replace"])
def test_no_edit_of_the_script_takes_the_gateway_away(scripted: Gateway, host: ModelHost, change: str) -> None:
    seen, script = len(host.received), scripted.script
    match change:
        case "touch":
            script.touch()
        case "garbage":
            script.write_text("def (:")
        case "empty":
            script.write_text("")
        case "delete":
            script.unlink()
        case "replace":
            script.unlink(missing_ok=True)
            script.write_text("raise RuntimeError")
    past = time.monotonic() + 2 * LOOKS
    with hammering(scripted) as answers:
        while time.monotonic() < past or len(answers) < 20:
            ask(scripted, "ping", token=scripted.token(project_id=8))
    assert ask(scripted, "still weighed").status_code == 200
    assert set(answers) <= {"refused", "closed"}
    assert b"hammer" not in host.received[seen:]


@contextlib.contextmanager
def hammering(gateway: Gateway, threads: int = 3) -> Iterator[list[str]]:
    """Clients without identity that never stop asking; the list says what became of each request."""
    answers: list[str] = []
    stop = threading.Event()

    def hammer() -> None:
        while not stop.is_set():
            try:
                with client(gateway, "") as http:
                    response = http.post(f"{gateway.url}/chat/completions", json=chat("hammer"))
                    answers.append(
                        "refused" if response.status_code in (401, 503) else f"passed {response.status_code}"
                    )
            except Exception:
                answers.append("closed")

    running = [threading.Thread(target=hammer) for _ in range(threads)]
    for thread in running:
        thread.start()
    try:
        yield answers
    finally:
        stop.set()
        for thread in running:
            thread.join()


def _wait_for_port(port: int) -> None:
    while True:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return


def test_nothing_passes_unjudged_while_the_gateway_starts_and_stops(make: Make, host: ModelHost) -> None:
    seen = len(host.received)
    first = make()
    with first:
        """mitmproxy's authority exists from here on, so that clients can speak TLS from the first moment."""
    gateway = make()
    gateway.port = first.port
    gateway.start()
    _wait_for_port(gateway.port)
    with hammering(gateway) as answers:
        gateway.wait_ready()
        assert ask(gateway, "judged").status_code == 200
        while len(answers) < 50:
            ask(gateway, "judged")
        assert gateway.stop() == 0

    assert set(answers) <= {"refused", "closed"}
    assert "refused" in answers
    assert b"hammer" not in host.received[seen:]
