from __future__ import annotations

import socket
import stat
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

from ledgers import NOON, SIGNER, ledger_file, ledger_rows
from weighlock.adapters.keys import open_witness
from weighlock.adapters.stores.ledgerfile import NAME
from weighlock.adapters.stores.ledgerwriter import LedgerWriter, Prepared
from weighlock.adapters.witness import Seen
from weighlock.cli import main
from weighlock.errors import ConfigError
from weighlock.ledger import checkpoint, entry, merkle
from weighlock.ledger.checkpoint import BadNote, Signer
from weighlock.ledger.cosign import Cosigner, NotCosigned, Witness, judge
from weighlock.ledger.entry import Kind
from weighlock.ledger.merkle import Subtrees
from weighlock.ledger.proof import Consistency
from witnessing import OWN, running

LEAVES = [row.leaf for row in ledger_rows(9, every=9).rows]
LOGS = {SIGNER.name: SIGNER.verifier}


def note(size: int) -> str:
    return SIGNER.sign(size, merkle.root(LEAVES[:size]))


def seen(size: int) -> dict[str, checkpoint.Checkpoint]:
    return {SIGNER.name: checkpoint.verify(note(size), SIGNER.verifier)} if size else {}


def tree_of(size: int) -> Subtrees:
    return Subtrees(0, b"", LEAVES[:size])


def request(old: int, size: int) -> str:
    return Consistency(old, merkle.consistency_proof(old, tree_of(size)) if old else [], note(size)).text


@pytest.mark.parametrize(("old", "size"), [(0, 1), (0, 9), (1, 9), (4, 9), (5, 8), (9, 9)])
def test_a_log_that_grew_is_cosigned(old: int, size: int) -> None:
    asked, said = judge(request(old, size), LOGS, seen(old))

    assert (asked, said.size) == (note(size), size)
    signed = asked + OWN.cosign(asked, int(NOON))
    assert OWN.cosigner.when(signed) == int(NOON)
    assert checkpoint.verify(signed, SIGNER.verifier).size == size


@pytest.mark.parametrize(
    ("asked", "latest", "status"),
    [
        ("", 0, 400),
        (Consistency(9, [], note(5)).text, 9, 400),
        (Consistency(0, [], Signer("other", b"o" * 32).sign(1, LEAVES[0])).text, 0, 404),
        (Consistency(0, [], Signer(SIGNER.name, b"o" * 32).sign(1, LEAVES[0])).text, 0, 403),
        (request(4, 9), 5, 409),
        (request(0, 5), 9, 409),
        (Consistency(5, [], SIGNER.sign(5, b"f" * 32)).text, 5, 409),
        (Consistency(5, merkle.consistency_proof(5, tree_of(len(LEAVES))), SIGNER.sign(9, b"f" * 32)).text, 5, 422),
        (Consistency(0, LEAVES[:1], note(9)).text, 0, 422),
    ],
    ids=["none", "old-beyond", "other-log", "other-key", "behind", "rollback", "fork-same-size", "fork", "proof-of-0"],
)
def test_what_is_not_cosigned_has_the_status_of_c2sp(asked: str, latest: int, status: int) -> None:
    with pytest.raises(NotCosigned) as caught:
        judge(asked, LOGS, seen(latest))

    assert caught.value.status == status
    assert caught.value.size == (latest if status == 409 else None)


def test_a_cosignature_is_of_one_note_and_one_key() -> None:
    signed = note(5) + OWN.cosign(note(5), int(NOON))

    with pytest.raises(BadNote, match="is wrong"):
        OWN.cosigner.when(signed.replace("\n5\n", "\n6\n"))
    with pytest.raises(BadNote, match="not cosigned"):
        Witness(OWN.name, b"x" * 32).cosigner.when(signed)
    assert Cosigner.parse(OWN.cosigner.text) == OWN.cosigner
    with pytest.raises(ValueError, match="witness"):
        Cosigner.parse(SIGNER.verifier.text)


def test_what_was_cosigned_outlives_the_witness_and_two_do_not_share_it(tmp_path: Path) -> None:
    one = Seen(tmp_path, [SIGNER.verifier])
    one.remember(checkpoint.verify(note(5), SIGNER.verifier), note(5))
    with pytest.raises(ConfigError, match="another witness"):
        Seen(tmp_path, [SIGNER.verifier])
    one.close()
    again = Seen(tmp_path, [SIGNER.verifier])

    assert again.latest == seen(5)
    again.close()


def test_a_key_is_made_once_and_for_its_owner(tmp_path: Path) -> None:
    own = open_witness(tmp_path / "state", "witness.example")

    assert open_witness(tmp_path / "state", "other") == own
    assert stat.S_IMODE((tmp_path / "state" / "witness.key").stat().st_mode) == 0o600
    assert own.text not in repr(own)


def cosign(url: str, state: Path, exit_code: int = 0) -> Result:
    words = ["ledger", "cosign", url, "--witness", OWN.cosigner.text, "--state", str(state)]
    result = CliRunner().invoke(main, words)
    assert result.exit_code == exit_code, result.output
    return result


def test_a_witness_signs_a_growing_log_and_refuses_one_that_was_cut_or_forked(tmp_path: Path) -> None:
    state, home = tmp_path / "state", tmp_path / "witness"
    home.mkdir()
    keys = ledger_file(state, [(Kind.START, entry.control_body("start"), {})] * 3)
    early = (state / NAME).read_bytes()
    with running(home, [keys.signer.verifier]) as url:
        first = cosign(url, state).stdout
        writer = LedgerWriter(state / NAME, keys.signer, lambda: NOON + 2)
        writer.write([Prepared(Kind.CONTROL, {"event": "more", "message": ""}, {})], sign=True)
        writer.close()
        second = cosign(url, state).stdout
    with running(home, [keys.signer.verifier]) as url:  # it was started anew
        (state / NAME).write_bytes(early)
        cut = cosign(url, state, exit_code=1).stderr
        writer = LedgerWriter(state / NAME, keys.signer, lambda: NOON + 3)
        writer.write([Prepared(Kind.CONTROL, {"event": "else", "message": ""}, {})] * 3, sign=True)
        writer.close()
        forked = cosign(url, state, exit_code=1).stderr

    sizes = [checkpoint.verify(text, keys.signer.verifier).size for text in (first, second)]
    assert sizes == [3, 4]
    assert OWN.cosigner.when(second) > NOON
    assert "seen 4 entries, and 3 are signed here" in cut
    assert "not the one that it saw" in forked
    kept = tmp_path / "kept"
    kept.write_text(second, "utf-8")
    said = CliRunner().invoke(main, ["ledger", "verify", "--state", str(state), "--kept", str(kept)])
    assert (said.exit_code, "forked" in said.stdout) == (1, True)


def test_a_witness_that_does_not_answer_is_told_in_one_line(tmp_path: Path) -> None:
    ledger_file(tmp_path / "state", [(Kind.START, entry.control_body("start"), {})])
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]

    assert "does not answer" in cosign(f"http://127.0.0.1:{port}", tmp_path / "state", exit_code=1).stderr
