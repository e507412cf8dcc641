"""`weighlock run`: the gateway from an install, as `mitmdump -s addons/gateway.py` is from a checkout."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import click

import weighlock
from weighlock.cli.common import read_settings
from weighlock.settings import PREFIX, knobs


def _with_knobs(command: click.Command) -> click.Command:
    for name, knob in knobs().items():
        default = f" Default: {knob['default']}." if knob["default"] else ""
        command.params.append(
            click.Option([f"--{name.replace('_', '-')}"], default="", metavar="VALUE", help=knob["help"] + default)
        )
    return command


@click.command("run")
@click.option("--listen-host", default="127.0.0.1", show_default=True, help="Address that pipelines connect to.")
@click.option("--listen-port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Its port.")
def run(listen_host: str, listen_port: int, **given: str) -> None:
    """Run the gateway in the foreground until it is stopped with SIGTERM or Ctrl-C.

    Pipelines set HTTPS_PROXY to its address and trust STATE/mitmproxy/mitmproxy-ca-cert.pem. Every setting may also
    be given in the environment: --body-limit is WEIGHLOCK_BODY_LIMIT. Exit code 78: a setting cannot be used.
    """
    serve(listen_host, listen_port, given)


def serve(listen_host: str, listen_port: int, given: Mapping[str, str]) -> None:
    """The gateway in this process until it is stopped, with settings *given* by knob."""
    settings = read_settings(**given)  # complain before mitmproxy starts
    confdir = settings.state / "mitmproxy"
    settings.state.mkdir(mode=0o700, parents=True, exist_ok=True)
    confdir.mkdir(mode=0o700, exist_ok=True)
    arguments: list[Any] = ["-s", gateway_script(), "--listen-host", listen_host, "--listen-port", str(listen_port)]
    for name, text in {**{k: v for k, v in given.items() if v}, "state": str(settings.state)}.items():
        arguments += ["--set", f"{PREFIX}{name}={text}"]
    from mitmproxy.tools.main import mitmdump  # noqa: PLC0415 so that no other command waits for it

    mitmdump([*arguments, "--set", f"confdir={confdir}"])


def gateway_script() -> str:
    """In the wheel it lies in the package; in a checkout, beside it."""
    package = Path(weighlock.__file__).parent
    inside = package / "gateway.py"
    return str(inside if inside.is_file() else package.parent / "gateway.py")


_with_knobs(run)
