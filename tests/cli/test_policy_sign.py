from __future__ import annotations

import json
import subprocess
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import smallrules
from signing import Pair
from weighlock.cli import main
from weighlock.cli.common import EXIT_CONFIG, EXIT_WRONG
from weighlock.policy import manifest


def run(*arguments: str | Path, exit_code: int = 0, **env: str) -> Result:
    result = CliRunner().invoke(main, ["policy", *map(str, arguments)], env=env)
    assert result.exit_code == exit_code, result.output
    return result


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return smallrules.write(tmp_path / "rules")


@pytest.fixture
def key(tmp_path: Path) -> Path:
    """Made as the help says, with the public half beside it."""
    key = tmp_path / "rules.key"
    lines = run("sign", "--help").output.splitlines()
    for line in [line.strip() for line in lines if line.strip().startswith("openssl")]:
        subprocess.run(line.split(), cwd=tmp_path, check=True, capture_output=True)
    return key


def test_rules_are_signed_one_version_after_the_other_and_verified(folder: Path, key: Path) -> None:
    public = key.with_suffix(".pub")
    assert run("sign", folder, "--key", key).output.startswith("signed as version 1: 9 files; rules ")
    assert run("verify", folder, "--key", public).output.startswith("ok: version 1, 9 files, key ")
    assert run("verify", folder, WEIGHLOCK_RULES_KEY=str(public)).output.startswith("ok: version 1")
    assert json.loads(run("sign", folder, "--key", key, "--json").output)["version"] == 2
    run("sign", folder, "--key", key, "--version", "40")
    told = json.loads(run("verify", folder, "--key", public, "--json").output)

    assert (told["version"], told["files"], told["key"]) == (40, 9, manifest.public_key(public.read_bytes()).id)


def test_what_is_not_as_it_was_signed_is_told(folder: Path, key: Path) -> None:
    public = key.with_suffix(".pub")
    not_signed = run("verify", folder, "--key", public, exit_code=EXIT_WRONG).stderr
    assert not_signed.startswith("NOT as signed: manifest.jws: the rules are not signed")
    run("sign", folder, "--key", key)
    (folder / "policy" / "more.yaml").write_text("statements: [{id: more, effect: block}]")
    wrong = "policy/more.yaml: not among the files of the signed version 1"
    assert run("verify", folder, "--key", public, exit_code=EXIT_WRONG).stderr.startswith(f"NOT as signed: {wrong}")
    told = json.loads(run("verify", folder, "--key", public, "--json", exit_code=EXIT_WRONG).stdout)

    assert told["wrong"].startswith(wrong)


def test_bad_rules_are_not_signed(folder: Path, key: Path) -> None:
    (folder / "policy" / "more.cases.yaml").write_text("cases: [{name: all stop, expect: {action: block}}]")

    assert "the case 'all stop' fails" in run("sign", folder, "--key", key, exit_code=EXIT_CONFIG).stderr
    assert not (folder / manifest.NAME).exists()


def test_a_damaged_manifest_is_replaced_under_a_version_that_is_named(folder: Path, key: Path) -> None:
    (folder / manifest.NAME).write_text("damaged")
    assert "manifest.jws: damaged" in run("sign", folder, "--key", key, exit_code=EXIT_CONFIG).stderr

    assert run("sign", folder, "--key", key, "--version", "3").output.startswith("signed as version 3")


@pytest.mark.parametrize("bad", ["private", "RSA", "P-384", "nothing"])
def test_a_key_that_is_none_is_told(bad: str, folder: Path, tmp_path: Path) -> None:
    pair, public, private = Pair.new(), tmp_path / "some.pub", tmp_path / "some.key"
    said = pair.spoiled(public, bad)
    private.write_bytes(b"" if bad in ("private", "nothing") else public.read_bytes())

    assert f"{public}: {said}" in run("verify", folder, "--key", public, exit_code=EXIT_CONFIG).stderr
    assert f"{private}: not a " in run("sign", folder, "--key", private, exit_code=EXIT_CONFIG).stderr


def test_a_manifest_that_cannot_be_written_is_told(folder: Path, key: Path) -> None:
    (folder / f".{manifest.NAME}").mkdir()

    said = run("sign", folder, "--key", key, exit_code=EXIT_CONFIG).stderr
    assert f"{folder / f'.{manifest.NAME}'}: cannot be read or written: Is a directory" in said


def test_without_a_key_nothing_can_be_verified(folder: Path) -> None:
    assert "name the public key with --key" in run("verify", folder, exit_code=EXIT_CONFIG).stderr


def test_a_manifest_is_no_mistake_for_whoever_asks_for_none(folder: Path, key: Path) -> None:
    run("sign", folder, "--key", key)

    assert run("check", folder).output.startswith("ok: 3 statements")
    assert run("test", folder).output == "ok: 1 cases\n"
