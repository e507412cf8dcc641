"""`weighlock rules`: what is looked for, and whether the rules do what their examples say."""

from __future__ import annotations

import difflib
import json
import random
import secrets
from collections.abc import Sequence
from pathlib import Path

import click
from rich.progress import track

from weighlock import rulefile
from weighlock.adapters import rulebook
from weighlock.cli.catalogue import MODELS, Known, explained, known
from weighlock.cli.common import EXIT_WRONG, Group, as_json, read_settings, rules_option, show, terminal
from weighlock.detection.rules import Rule, rule_set
from weighlock.detection.samples import failures
from weighlock.errors import ConfigError

COLUMNS = ("id", "level", "entity", "title", "tags")


@click.group(cls=Group)
def rules() -> None:
    """What is looked for: list it, explain it, and try rules on their own examples."""


@rules.command("list")
@click.option("--family", default="", metavar="NAME", help="Only this one: pii, secrets, business, ner...")
@rules_option
@as_json
def list_(family: str, rules: str, as_json: bool) -> None:
    """List all rules, and the entities that models find without one."""
    everything = known(rulebook.read(read_settings(rules=rules).rules))
    families = sorted({one.family for one in everything})
    if family and family not in families:
        raise click.BadParameter(f"{family!r} is none of {', '.join(families)}", param_hint="--family")
    rows = [one.row for one in everything if family in ("", one.family)]
    show(rows if as_json else [row | {"tags": ", ".join(row["tags"])} for row in rows], COLUMNS, as_json)


@rules.command("test")
@click.argument("which", metavar="[ID|FILE]...", nargs=-1)
@click.option("--samples", default=10, show_default=True, type=click.IntRange(1, 10_000), help="Of each example.")
@click.option("--seed", type=int, help="Make up the samples of an earlier run again. Default: others each time.")
@rules_option
@as_json
@click.pass_context
def test_(ctx: click.Context, which: Sequence[str], samples: int, seed: int | None, rules: str, as_json: bool) -> None:
    """Try rules on their own examples: all of them, some by ID, or a FILE that is not among the rules yet.

    Everything in braces, such as {alnum:20}, is made up anew for each sample. What matches must also match five times
    in a list of five, whatever stands between.

    \b
    Examples:
      weighlock rules test                        all
      weighlock rules test email drafts/badge.yaml

    \b
    Exit codes:
      0   every example is as it should be
      1   one is not
      2   a mistake in the command, such as an unknown ID
      78  a rule cannot be used at all
    """
    chosen = _chosen(which, rules)
    seed = secrets.randbelow(1 << 32) if seed is None else seed
    chance = random.Random(seed)  # noqa: S311, samples guard nothing
    from weighlock.adapters.inspector.engine import RuleRecognizer  # noqa: PLC0415, no other command waits for it

    failed: dict[tuple[str, str, str], dict[str, str]] = {}
    for rule in track(chosen, "Trying", console=terminal(), transient=True):
        find = RuleRecognizer([rule]).values
        for failure in (failure for _ in range(samples) for failure in failures(rule, find, chance)):
            failed[rule.id, failure.example, failure.reason] = {
                "rule": rule.id,
                "example": failure.example,
                "reason": failure.reason,
                "sample": failure.sample,
            }
    if as_json:
        document = {"rules": len(chosen), "samples": samples, "seed": seed, "failures": list(failed.values())}
        click.echo(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        for row in failed.values():
            click.echo(f"{row['rule']}: {row['example']!r} {row['reason']}; as {row['sample']!r}")
        count = sum(len(rule.match) + len(rule.clear) for rule in chosen)
        said = f"{len(failed)} FAILED (again with --seed {seed})" if failed else "ok"
        click.echo(f"{said}: {len(chosen)} rules, {count} examples, {samples} samples of each")
    ctx.exit(EXIT_WRONG if failed else 0)


@rules.command("explain")
@click.argument("id")
@rules_option
@as_json
def explain(id: str, rules: str, as_json: bool) -> None:
    """Explain one rule, by the ID that stands with a finding: what it finds, and which statements speak of that."""
    files = rulebook.read(read_settings(rules=rules).rules)
    one = _by_id(known(files), id)
    said = dict(explained(one, files))
    if as_json:
        click.echo(json.dumps({"id": one.rule.id, "title": one.rule.title} | said, indent=2, ensure_ascii=False))
        return
    click.echo(f"{one.rule.id}: {one.rule.title}")
    for name, value in said.items():
        first, *others = value if isinstance(value, list) else [value]
        click.echo(f"  {name:<10} {first}")
        for other in others:
            click.echo(f"  {'':<10} {other}")


def _chosen(which: Sequence[str], folder: str) -> list[Rule]:
    """Those that are asked for, each once."""
    outside = {name: Path(name) for name in which if name.endswith(".yaml")}
    chosen: dict[str, Rule] = {}
    for name, path in outside.items():
        try:
            text = path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot be read: {type(error).__name__}", name) from None
        chosen[name] = rule_set({name: rulefile.parse(text, name)}).rules[0]
    if len(outside) == len(which) > 0:
        return list(chosen.values())
    listed = [one for one in known(rulebook.read(read_settings(rules=folder).rules)) if one.family != MODELS]
    ids = [name for name in which if name not in outside] or [one.rule.id for one in listed]
    return [*chosen.values(), *{id: _by_id(listed, id).rule for id in ids}.values()]


def _by_id(everything: Sequence[Known], id: str) -> Known:
    ids = [one.rule.id for one in everything]
    if id not in ids:
        near = difflib.get_close_matches(id, ids, n=1)
        hint = f"did you mean {near[0]!r}?" if near else "`weighlock rules list` names all"
        raise click.UsageError(f"there is no rule {id!r}; {hint}")
    return everything[ids.index(id)]
