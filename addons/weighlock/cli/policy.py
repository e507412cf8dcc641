"""`weighlock policy`: whether a policy says what is meant, before it is in force."""

from __future__ import annotations

import json
from pathlib import Path

import click

from weighlock.adapters import rulebook
from weighlock.cli.common import EXIT_WRONG, Group, as_json, read_settings
from weighlock.masking.operators import OPERATORS
from weighlock.policy import cases, jsonschema

folder_argument = click.argument(
    "folder", metavar="[DIR]", required=False, type=click.Path(path_type=Path, file_okay=False)
)


@click.group(cls=Group)
def policy() -> None:
    """Check a policy, and see why it decides as it does."""


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


def load(folder: Path | None) -> rulebook.Rules:
    """The rules in *folder*, or the gateway's own. Raises ConfigError."""
    return rulebook.compiled(rulebook.read(folder or read_settings().rules), OPERATORS)
