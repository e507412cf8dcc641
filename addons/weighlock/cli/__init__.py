"""`weighlock`: the command line tool."""

from __future__ import annotations

import click

from weighlock.cli import grant  # noqa: F401 a command of approvals
from weighlock.cli.anchors import anchors
from weighlock.cli.approvals import approvals
from weighlock.cli.backup import backup, restore, stats
from weighlock.cli.canary import canary
from weighlock.cli.common import Group
from weighlock.cli.counters import counters
from weighlock.cli.cutoffs import cutoffs
from weighlock.cli.doctor import doctor
from weighlock.cli.erase import erase, hold
from weighlock.cli.fingerprint import fingerprint
from weighlock.cli.ledger import ledger
from weighlock.cli.ledgersegments import expire, segments
from weighlock.cli.login import login, logout
from weighlock.cli.offboard import offboard
from weighlock.cli.policy import policy
from weighlock.cli.proofs import check, checkpoint, consistency, prove
from weighlock.cli.records import records
from weighlock.cli.rejudged import replay_ as rejudge
from weighlock.cli.rejudged import shadow_ as shadow
from weighlock.cli.replay import replay
from weighlock.cli.report import report
from weighlock.cli.reveal import reveal
from weighlock.cli.rules import rules
from weighlock.cli.run import run
from weighlock.cli.scan import scan
from weighlock.cli.sessions import sessions
from weighlock.cli.ship import ship
from weighlock.cli.wait import wait
from weighlock.cli.witness import cosign, witness


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(package_name="weighlock")
def main() -> None:
    """Hold and weigh every LLM request and response before it may go on."""


for command in (
    *(prove, consistency, checkpoint, check, cosign, anchors),
    *(segments, erase, hold, expire, backup, restore, stats, ship),
):
    ledger.add_command(command)

_COMMANDS = (
    *(run, doctor, login, logout, wait, offboard, cutoffs, approvals, report, ledger, witness, sessions, replay),
    *(reveal, scan, rules, policy, counters, fingerprint, records, canary),
)
for command in _COMMANDS:
    main.add_command(command)
for command in (rejudge, shadow):
    policy.add_command(command)
