"""`weighlock replay`: the record, opened again with the auditor's key."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, BinaryIO

import click

from weighlock.cli.common import Group, read_settings, rules_option, state_option
from weighlock.cli.recordings import identity_option, open_, recordings, view_option
from weighlock.cli.run import serve
from weighlock.errors import ConfigError

_FORMS = ("flows", "har", "jsonl")
_TOLD = {
    "flows": "{count} flows in {output}; look at them with: mitmweb -n -r {output}",
    "har": "{count} entries in {output}",
    "jsonl": "{count} lines in {output}",
}


@click.group(cls=Group)
def replay() -> None:
    """Open the record again: needs the auditor's key.

    An ID is that of an exchange or of a session, or how it begins.
    """


@replay.command("export")
@click.option(
    "-o",
    "--output",
    required=True,
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Where they go; mode 0600.",
)
@click.option(
    "--format",
    "form",
    type=click.Choice(_FORMS),
    default="flows",
    show_default=True,
    help="flows: for mitmweb -r, mitmproxy -r and mitmdump -nr. har: HTTP Archive 1.2. jsonl: one exchange a line.",
)
@view_option
@recordings
def export_(output: Path, form: str, view: str, **asked: Any) -> None:
    """Write recorded exchanges to a file. It is for looking at: nothing takes it for a decision."""
    # Here, so that no other command waits for mitmproxy.
    from weighlock.replay.contents import View  # noqa: PLC0415
    from weighlock.replay.export import Form, export  # noqa: PLC0415

    with open_(**asked) as found:
        count = _write(output, lambda out: export(found, found.open_payload, View(view), Form(form), out))
    click.echo(_TOLD[form].format(count=count, output=output))


@replay.command("play")
@view_option
@click.option(
    "--speed",
    type=click.FloatRange(0, min_open=True),
    default=1.0,
    show_default=True,
    help="How many times as fast as it was.",
)
@recordings
def play(view: str, speed: float, **asked: Any) -> None:
    """Show recorded responses as they came: piece by piece, with the pauses that there were."""
    from weighlock.replay.contents import View  # noqa: PLC0415
    from weighlock.replay.play import steps  # noqa: PLC0415

    count = 0
    with open_(**asked) as found:
        for one in found:
            count += 1
            for pause, text, aside in steps(one, found.open_payload, View(view)):
                time.sleep(pause / speed)
                click.echo(text, nl=False, err=aside)
    if not count:
        raise ConfigError("no such exchange is recorded", " ".join(asked["ids"]))


@replay.command("ui")
@view_option
@click.option("--port", default=8081, show_default=True, type=click.IntRange(1, 65535), help="Of loopback.")
@click.option("--no-browser", is_flag=True, help="Only say the address.")
@recordings
def ui(view: str, port: int, no_browser: bool, **asked: Any) -> None:
    """Look at recorded exchanges in mitmweb, until Ctrl-C.

    It runs on loopback behind a token of its own, can send nothing, and what it shows is written nowhere.
    """
    from mitmproxy.tools.web.webaddons import open_browser  # noqa: PLC0415

    from weighlock.replay.contents import View  # noqa: PLC0415
    from weighlock.replay.flows import to_flow  # noqa: PLC0415
    from weighlock.replay.web import show  # noqa: PLC0415

    with open_(**asked) as found:
        flows = [to_flow(one, found.open_payload, View(view)) for one in found]

    def opened(url: str) -> None:
        click.echo(f"{len(flows)} flows at {url}")
        if not no_browser:
            open_browser(url)

    show(flows, port, opened)


@replay.command("serve")
@click.option(
    "--rehearsal", default="", metavar="DIR", help="The rehearsal's own state. Default: rehearsal in --state."
)
@click.option("--listen-host", default="127.0.0.1", show_default=True, help="Address that pipelines connect to.")
@click.option("--listen-port", default=8080, show_default=True, type=click.IntRange(0, 65535), help="Its port.")
@click.option("--console", default="", metavar="HOST:PORT", help="Address of the approvers' API.")
@rules_option
@identity_option
@state_option
def serve_(
    rehearsal: str, listen_host: str, listen_port: int, console: str, rules: str, identity: Path | None, state: str
) -> None:
    """Answer pipelines from the record, and never from the network, until Ctrl-C.

    They meet the real gateway: with the rules and cut-offs of now, every request is identified, judged, masked, held
    and recorded, in a ledger of the rehearsal's own. What then goes to a model host is looked up in the record
    instead, by workload and digest, and answered as it was, at its own pace; what is not there is refused.
    """
    recorded = read_settings(state=state, rules=rules)
    own = Path(rehearsal) if rehearsal else recorded.state / "rehearsal"
    given = {
        "state": str(own),
        "rules": str(recorded.rules),
        "record": str(recorded.state),
        "record_identity": str(identity or ""),
        "console": console,
    }
    serve(listen_host, listen_port, given)


def _write(path: Path, write: Callable[[BinaryIO], int]) -> int:
    """What *write* makes, at *path*: whole or not at all, and for its owner only."""
    draft = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
    try:
        with os.fdopen(os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as out:
            count = write(out)
        draft.replace(path)
    except OSError as error:
        raise ConfigError(f"cannot be written: {error.strerror}", str(path)) from None
    finally:
        draft.unlink(missing_ok=True)
    return count
