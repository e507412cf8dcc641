"""`weighlock policy sign` and `verify`: rules that nobody can change unseen, or bring back when out of date."""

from __future__ import annotations

import json
from pathlib import Path

import click

from weighlock.adapters import rulebook, signed
from weighlock.cli.common import EXIT_WRONG, as_json, read_settings
from weighlock.errors import ConfigError
from weighlock.masking.operators import OPERATORS
from weighlock.policy import manifest

_FOLDER = click.Path(exists=True, path_type=Path, file_okay=False)
_FILE = click.Path(exists=True, path_type=Path, dir_okay=False)


@click.command("sign")
@click.argument("folder", metavar="DIR", type=_FOLDER)
@click.option("--key", "pem", required=True, metavar="FILE", type=_FILE, help="The private key: PEM, EC on P-256.")
@click.option(
    "--version",
    type=click.IntRange(1, manifest.LAST - 1),
    help="Higher than any that was in force. Default: one above that of DIR/manifest.jws; 1 where there is none.",
)
@as_json
def sign(folder: Path, pem: Path, version: int | None, as_json: bool) -> None:
    """Sign the rules in DIR, all of them: writes DIR/manifest.jws. They are checked and tried before.

    \b
    A pair of keys, of which the gateway gets rules.pub as its setting `rules_key`:
      openssl genpkey -algorithm EC -pkeyopt ec_paramgen_curve:P-256 -out rules.key
      openssl pkey -in rules.key -pubout -out rules.pub

    \b
    Exit codes:
      0   signed
      78  the gateway would not take these rules, or this is no key
    """
    contents = rulebook.contents(folder)
    before = contents.pop(manifest.NAME, "")
    rulebook.compiled(contents, OPERATORS)
    try:
        chosen = version or (manifest.claimed(before) + 1 if before else 1)
        text = manifest.sign(contents, chosen, pem.read_bytes())
        draft = folder / f".{manifest.NAME}"
        draft.write_text(text)
        draft.replace(folder / manifest.NAME)
    except ValueError as error:
        raise ConfigError(str(error), str(pem)) from None
    except OSError as error:
        raise ConfigError(f"cannot be read or written: {error.strerror}", str(error.filename)) from None
    said = {"version": chosen, "files": len(contents), "rules": rulebook.digest(contents)}
    click.echo(
        json.dumps(said) if as_json else f"signed as version {chosen}: {len(contents)} files; rules {said['rules']}"
    )


@click.command("verify")
@click.argument("folder", metavar="[DIR]", required=False, type=_FOLDER)
@click.option(
    "--key", "pem", metavar="FILE", type=_FILE, help="The public key: PEM. Default: the gateway's `rules_key`."
)
@as_json
@click.pass_context
def verify(ctx: click.Context, folder: Path | None, pem: Path | None, as_json: bool) -> None:
    """Verify that the rules in DIR are those that were signed: these files as they were, and no other one.

    The gateway asks for more: that they are good, and no older than any that was in force. Default: its own rules.

    \b
    Exit codes:
      0   they are
      1   they are not, or are not signed at all
      78  there is no key to verify with
    """
    settings = read_settings()
    chosen = pem or settings.rules_key
    if chosen is None:
        raise ConfigError("name the public key with --key, or as the setting `rules_key`", "rules_key")
    key = signed.public_key(chosen)
    contents = rulebook.contents(folder or settings.rules)
    try:
        found = manifest.verify(contents.pop(manifest.NAME, ""), key)
        manifest.check(found, contents)
    except ConfigError as error:
        click.echo(json.dumps({"wrong": str(error)}) if as_json else f"NOT as signed: {error}", err=not as_json)
        ctx.exit(EXIT_WRONG)
    said = {"version": found.version, "files": len(contents), "key": key.id, "rules": rulebook.digest(contents)}
    if as_json:
        click.echo(json.dumps(said))
        return
    click.echo(f"ok: version {found.version}, {len(contents)} files, key {key.id}; rules {said['rules']}")
