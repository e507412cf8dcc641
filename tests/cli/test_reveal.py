from __future__ import annotations

from pathlib import Path

from click.testing import CliRunner

from weighlock.adapters.keys import open_keys
from weighlock.cli import main
from weighlock.masking.sealed import sealed


def test_what_was_encrypted_is_shown_again_on_the_gateways_host(tmp_path: Path) -> None:
    text = f"to {sealed(open_keys(tmp_path).fingerprint, 'PERSON', 'Maria Lopez')}!"
    run = CliRunner()

    shown = run.invoke(main, ["reveal", "--state", str(tmp_path), text])
    assert (shown.exit_code, shown.stdout, shown.stderr) == (0, "to Maria Lopez!\n", "weighlock: 1 revealed\n")
    piped = run.invoke(main, ["reveal", "--state", str(tmp_path), "-"], input=text)
    assert piped.stdout == "to Maria Lopez!"


def test_what_another_gateway_encrypted_stays(tmp_path: Path) -> None:
    open_keys(tmp_path)
    text = sealed(b"o" * 32, "PERSON", "Maria Lopez")

    shown = CliRunner().invoke(main, ["reveal", "--state", str(tmp_path), text])

    assert (shown.exit_code, shown.stdout) == (1, f"{text}\n")
    assert "1 not of this gateway" in shown.stderr


def test_without_the_gateways_folder_the_next_step_is_told(tmp_path: Path) -> None:
    shown = CliRunner().invoke(main, ["reveal", "--state", str(tmp_path), "x"])

    assert shown.exit_code == 78
    assert "--state" in shown.stderr
