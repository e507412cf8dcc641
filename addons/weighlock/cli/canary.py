"""`weighlock canary`: values that nobody has a use for, and that show who has read what they lay in."""

from __future__ import annotations

import json
import secrets

import click
import numpy as np

from weighlock.adapters.stores import material
from weighlock.cli.common import Group, as_json, state_option
from weighlock.cli.indexes import label_option, list_command, now, open_state, remove_command
from weighlock.detection.canary import FORMS, mint
from weighlock.detection.material import CANARY, Folded, Kind, Label, hashes, subkey
from weighlock.model import Level


@click.group("canary", cls=Group)
def canary() -> None:
    """Tokens that nobody has a use for: lay one in a file, and any sighting of it is a critical finding."""


@canary.command("new")
@label_option(default="default", show_default=True, help="Where it will lie; one label may have many.")
@click.option("--form", type=click.Choice(list(FORMS)), default="credential", show_default=True, help="Its looks.")
@state_option
@as_json
def new(label: str, form: str, state: str, as_json: bool) -> None:
    """Mint one, and print it, this once: only a keyed hash of it is kept."""
    folder, key = open_state(state)
    token = mint(form, secrets.choice)
    added = hashes(subkey(key, Kind.CANARY), [Folded(token, digits=True).text.encode()])
    made = Label(Kind.CANARY, label, CANARY, Level.CRITICAL, now())
    with material.locked(folder):
        path = material.place(folder, Kind.CANARY, label)
        if path.exists():
            added = np.concatenate((material.read(path, key)[1], added))
        material.write(folder, key, made, added)
    click.echo(json.dumps({"label": label, "rule": made.rule, "canary": token}) if as_json else token)


list_command(canary, Kind.CANARY, columns=["label", "rule", "level", "size", "added"], empty="no canary is out")
remove_command(canary, Kind.CANARY)
