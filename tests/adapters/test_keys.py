from __future__ import annotations

import stat
from pathlib import Path

import pytest
from pyrage import x25519

from weighlock.adapters.keys import open_keys
from weighlock.errors import ConfigError
from weighlock.ledger import seal
from weighlock.ledger.checkpoint import Signer, Verifier

FILES = {"auditor.key", "auditor.pub", "checkpoint.key", "checkpoint.pub", "fingerprint.key"}


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "deep" / "state"


def test_the_first_start_makes_every_key_and_says_so(state: Path) -> None:
    keys = open_keys(state)

    assert {path.name for path in keys.created} == FILES == {path.name for path in state.iterdir()}
    assert stat.S_IMODE(state.stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in state.iterdir()} == {0o600}
    assert len(keys.fingerprint) == 32


def test_the_next_start_finds_the_same_keys(state: Path) -> None:
    first, second = open_keys(state), open_keys(state)

    assert (first.signer, first.fingerprint) == (second.signer, second.fingerprint)
    assert list(map(str, first.recipients)) == list(map(str, second.recipients))
    assert second.created == ()


def test_two_folders_have_nothing_in_common(tmp_path: Path) -> None:
    one, other = open_keys(tmp_path / "one"), open_keys(tmp_path / "other")

    assert one.fingerprint != other.fingerprint
    assert one.signer.name != other.signer.name
    assert str(one.recipients[0]) != str(other.recipients[0])


def test_the_files_are_those_that_other_tools_read(state: Path) -> None:
    keys = open_keys(state)
    (identity,) = seal.identities((state / "auditor.key").read_text())

    assert str(identity.to_public()) == (state / "auditor.pub").read_text().strip() == str(keys.recipients[0])
    assert Verifier.parse((state / "checkpoint.pub").read_text()) == keys.signer.verifier
    assert Signer.parse((state / "checkpoint.key").read_text()) == keys.signer


def test_no_secret_is_in_the_repr(state: Path) -> None:
    shown = repr(open_keys(state))

    assert repr((state / "fingerprint.key").read_bytes()) not in shown
    assert (state / "checkpoint.key").read_text().strip() not in shown
    assert "AGE-SECRET-KEY" not in shown


def test_the_auditors_key_may_be_moved_away(state: Path, tmp_path: Path) -> None:
    first = open_keys(state)
    (state / "auditor.key").rename(tmp_path / "auditor.key")

    keys = open_keys(state)

    assert keys.created == ()
    assert str(keys.recipients[0]) == str(first.recipients[0])
    assert not (state / "auditor.key").exists()


def test_a_second_recipient_is_an_escrow(state: Path) -> None:
    open_keys(state)
    escrow = x25519.Identity.generate().to_public()
    with (state / "auditor.pub").open("a") as file:
        file.write(f"# escrow\n{escrow}\n")

    assert str(open_keys(state).recipients[1]) == str(escrow)


def test_a_lost_public_file_is_made_again_from_its_key(state: Path) -> None:
    first = open_keys(state)
    (state / "auditor.pub").unlink()
    (state / "checkpoint.pub").unlink()

    keys = open_keys(state)

    assert {path.name for path in keys.created} == {"auditor.pub", "checkpoint.pub"}
    assert (keys.signer, str(keys.recipients[0])) == (first.signer, str(first.recipients[0]))


def test_a_lost_checkpoint_key_is_not_replaced(state: Path) -> None:
    open_keys(state)
    (state / "checkpoint.key").unlink()

    with pytest.raises(ConfigError, match="bring it back"):
        open_keys(state)


@pytest.mark.parametrize("name", ["auditor.key", "checkpoint.key", "fingerprint.key"])
def test_a_key_that_others_can_read_stops_the_start(state: Path, name: str) -> None:
    open_keys(state)
    (state / name).chmod(0o640)

    with pytest.raises(ConfigError, match="chmod 600"):
        open_keys(state)


def test_a_folder_that_others_can_enter_stops_the_start(state: Path) -> None:
    state.mkdir(parents=True, mode=0o755)

    with pytest.raises(ConfigError, match="chmod 700"):
        open_keys(state)


@pytest.mark.parametrize("name", sorted(FILES))
def test_a_damaged_key_stops_the_start_without_a_word_of_it(state: Path, name: str) -> None:
    open_keys(state)
    (state / name).write_bytes(b"SECRET-SOMETHING \xff")

    with pytest.raises(ConfigError) as caught:
        open_keys(state)

    assert caught.value.where.startswith(str(state))
    assert "SECRET-SOMETHING" not in str(caught.value)


@pytest.mark.parametrize(("name", "match"), [("auditor.key", "auditor.pub"), ("checkpoint.pub", "public half")])
def test_halves_of_different_pairs_stop_the_start(state: Path, tmp_path: Path, name: str, match: str) -> None:
    open_keys(state)
    open_keys(tmp_path / "other")
    (state / name).write_bytes((tmp_path / "other" / name).read_bytes())

    with pytest.raises(ConfigError, match=match):
        open_keys(state)


def test_a_link_in_place_of_a_key_is_not_followed(state: Path, tmp_path: Path) -> None:
    open_keys(state)
    key = state / "fingerprint.key"
    key.rename(tmp_path / "elsewhere")
    key.symlink_to(tmp_path / "elsewhere")

    with pytest.raises(ConfigError):
        open_keys(state)


def test_a_folder_that_is_a_file_stops_the_start(tmp_path: Path) -> None:
    (tmp_path / "state").write_text("")

    with pytest.raises(ConfigError):
        open_keys(tmp_path / "state")


def test_an_interrupted_start_leaves_no_half_key(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", fail)
        with pytest.raises(ConfigError, match="No space left"):
            open_keys(state)

    assert not (state / "auditor.key").exists()
    assert {path.name for path in open_keys(state).created} == FILES
