from __future__ import annotations

import json
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ledgers import a_verdict, an_exchange, ledger_file
from weighlock.adapters.keys import Keys
from weighlock.cli import main
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind

_EXCHANGE = an_exchange()


@pytest.fixture
def keys(tmp_path: Path) -> Keys:
    answered = entry.response_body(_EXCHANGE, status=200, findings=(), verdict=a_verdict(), refused=None)
    return ledger_file(
        tmp_path / "state",
        [
            (Kind.START, entry.control_body("start"), {}),
            (Kind.REQUEST, entry.request_body(_EXCHANGE), {"request.sent": b"one"}),
            (Kind.RESPONSE, answered, {}),
        ],
    )


def run(tmp_path: Path, *arguments: str | Path, exit_code: int = 0) -> Result:
    words = ["ledger", *map(str, arguments), "--state", str(tmp_path / "state")]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == exit_code, result.output
    return result


def test_an_exchange_is_proven_to_somebody_with_the_public_key_alone(tmp_path: Path, keys: Keys) -> None:
    made = run(tmp_path, "prove", _EXCHANGE.id, "--to", tmp_path / "proofs").stdout.split()
    key = keys.signer.verifier.text

    assert [Path(path).name for path in made] == ["1.tlog-proof", "2.tlog-proof"]
    assert "ok: entry 1 is in the log" in run(tmp_path, "check", made[0], "--key", key).stdout
    said = json.loads(run(tmp_path, "check", made[1], "--json").stdout)
    assert (said["seq"], said["size"], said["entry"]["kind"]) == (2, 3, "response")


def test_a_proof_that_was_changed_proves_nothing(tmp_path: Path, keys: Keys) -> None:
    run(tmp_path, "prove", "1", "--to", tmp_path)
    path = tmp_path / "1.tlog-proof"
    path.write_text(path.read_text("utf-8").replace("index 1", "index 2"), "utf-8")

    assert run(tmp_path, "check", path, exit_code=1).stdout.startswith("NOT OK: entry 2 is not in the tree")


def test_a_log_is_proven_to_extend_a_checkpoint_that_was_kept(tmp_path: Path, keys: Keys) -> None:
    kept, proof = tmp_path / "kept", tmp_path / "proof"
    kept.write_text(run(tmp_path, "checkpoint").stdout, "utf-8")
    proof.write_text(run(tmp_path, "consistency", "3").stdout, "utf-8")
    forked = tmp_path / "forked"
    forked.write_text(keys.signer.sign(3, b"f" * 32), "utf-8")

    assert "begins with the first 3" in run(tmp_path, "check", proof, "--old", kept).stdout
    assert "forked" in run(tmp_path, "check", proof, "--old", forked, exit_code=1).stdout
    assert "--old" in run(tmp_path, "check", proof, exit_code=78).stderr


@pytest.mark.parametrize(
    "words",
    [
        ("prove", "9"),
        ("prove", "nobody"),
        ("consistency", "9"),
        ("consistency", "1", "2"),
        ("checkpoint", "--size", "2"),
    ],
)
def test_what_is_not_there_is_not_proven(tmp_path: Path, keys: Keys, words: tuple[str, ...]) -> None:
    assert "weighlock: " in run(tmp_path, *words, exit_code=78).stderr
