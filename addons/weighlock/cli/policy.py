"""`weighlock policy`: whether a policy says what is meant, before it is in force."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Mapping
from dataclasses import asdict
from itertools import groupby
from pathlib import Path

import click

from weighlock import rulefile
from weighlock.adapters import rulebook
from weighlock.adapters.stores.ledgerfile import NAME
from weighlock.adapters.stores.policies import policies
from weighlock.adapters.stores.policies import policy as policy_of
from weighlock.cli.common import EXIT_WRONG, Group, as_json, read_settings, show, state_option
from weighlock.cli.policy_sign import sign, verify
from weighlock.cli.since import entries_since
from weighlock.cli.verdicts import explained
from weighlock.errors import ConfigError
from weighlock.masking.operators import OPERATORS
from weighlock.policy import cases, jsonschema
from weighlock.policy.diff import changes
from weighlock.policy.schema import parse

folder_argument = click.argument(
    "folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path, file_okay=False)
)


@click.group(cls=Group)
def policy() -> None:
    """Check a policy, and see why it decides as it does."""


policy.add_command(sign)
policy.add_command(verify)


@policy.command("check")
@folder_argument
@as_json
def check(folder: Path | None, as_json: bool) -> None:
    """Load the rules in DIR as the gateway does when it starts or a file changes. Default: its own.

    Warnings are about what is no mistake and seldom meant, such as a statement that can never match.

    \b
    Exit codes:
      0   the gateway would take them
      78  it would not: the first mistake, with file, line and column
    """
    rules = load(folder)
    if as_json:
        count, warnings = len(rules.policy.statements), list(rules.warnings)
        click.echo(json.dumps({"digest": rules.digest, "statements": count, "warnings": warnings}, indent=2))
        return
    for warning in rules.warnings:
        click.echo(f"warning: {warning}")
    warned = f", {len(rules.warnings)} warnings" if rules.warnings else ""
    click.echo(f"ok: {len(rules.policy.statements)} statements{warned}; rules {rules.digest}")


@policy.command("test")
@folder_argument
@as_json
@click.pass_context
def test_(ctx: click.Context, folder: Path | None, as_json: bool) -> None:
    """Try the cases in policy/*.cases.yaml of the rules in DIR: what the policy must say. Default: the gateway's own.

    \b
    Exit codes:
      0   the policy says in all cases what it must
      1   in one it does not: the gateway would not take it
      78  the rules cannot be used at all
    """
    rules, tried = rulebook.checked(rulebook.read(folder or read_settings().rules), OPERATORS)
    failed = [(case, wrong) for case in tried if (wrong := cases.failure(case, rules.policy))]
    if as_json:
        rows = [{"case": case.name, "where": case.where, "wrong": wrong} for case, wrong in failed]
        click.echo(json.dumps({"cases": len(tried), "failures": rows}, indent=2, ensure_ascii=False))
    else:
        for case, wrong in failed:
            click.echo(f"{case.where}: {case.name}: {wrong}")
        click.echo(f"{f'{len(failed)} FAILED' if failed else 'ok'}: {len(tried)} cases")
    ctx.exit(EXIT_WRONG if failed else 0)


@policy.command("schema")
def schema() -> None:
    """Print the JSON Schema of rules/policy/*.yaml, for an editor that completes and checks what is written.

    With the YAML language server, begin a file with: # yaml-language-server: $schema=policy.schema.json
    """
    click.echo(json.dumps(jsonschema.document(OPERATORS), indent=2))


@policy.command("show")
@click.argument("digest", required=False, default="")
@state_option
@as_json
def show_(digest: str, state: str, as_json: bool) -> None:
    """Show the policy that was in force under DIGEST, which verdicts name, or list all that ever were."""
    ledger = read_settings(state=state).state / NAME
    if not digest:
        listed = [{"since": one.since, "rules": one.rules, "policy": one.policy} for one in policies(ledger)]
        show(listed, ("since", "rules", "policy"), as_json, empty="no policy was ever in force")
        return
    files = policy_of(ledger, digest).files
    if as_json:
        click.echo(json.dumps(files, indent=2, ensure_ascii=False))
        return
    for name, text in files.items():
        click.echo(f"# {name}\n{text}")


@policy.command("diff")
@click.argument("old")
@click.argument("new")
@state_option
@as_json
@click.pass_context
def diff_(ctx: click.Context, old: str, new: str, state: str, as_json: bool) -> None:
    """Show what NEW says and OLD does not, statement by statement. Each is a folder of rules, or a digest.

    \b
    Exit codes:
      0   they say the same
      1   they do not
    """
    one, other = (_files(name, state) for name in (old, new))
    found = list(changes(one, other))
    if as_json:
        click.echo(json.dumps([asdict(change) for change in found], indent=2, ensure_ascii=False))
    else:
        for id, members in groupby(found, key=lambda change: change.statement):
            click.echo(id)
            for change in members:
                click.echo(f"  {change.member}: {change.old or '(nothing)'} → {change.new or '(nothing)'}")
        click.echo("" if found else "no difference", nl=not found)
    ctx.exit(EXIT_WRONG if found else 0)


@policy.command("explain")
@click.argument("exchange")
@state_option
def explain_(exchange: str, state: str) -> None:
    """Explain every verdict on EXCHANGE: which statements matched, and why each other did not.

    Refusals name the exchange. From the clear part of the ledger, with the policy that was in force then.
    """
    ledger = read_settings(state=state).state / NAME
    with contextlib.closing(entries_since("", ledger)) as entries:
        told = [said for said in entries if said.body.get("exchange") == exchange][::-1]
    judged = [said for said in told if "verdict" in said.body]
    if not judged:
        raise ConfigError("no verdict on it in the ledger" if told else "there is no such exchange", exchange)
    request = next(said.body for said in told if "call" in said.body)
    for said in judged:
        verdict = said.body["verdict"]
        held = policy_of(ledger, verdict["policy"])
        nodes = (rulefile.parse(text, name) for name, text in held.files.items())
        policy = parse(nodes, OPERATORS, held.rules)
        for line in explained(said, request, policy):
            click.echo(line)


def _files(name: str, state: str) -> Mapping[str, str]:
    if Path(name).is_dir():
        return load(Path(name)).sources
    return policy_of(read_settings(state=state).state / NAME, name).files


def load(folder: Path | None) -> rulebook.Rules:
    """The rules in *folder*, or the gateway's own. Raises ConfigError."""
    return rulebook.compiled(rulebook.read(folder or read_settings().rules), OPERATORS)
