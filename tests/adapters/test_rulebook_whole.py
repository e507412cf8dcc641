"""Rules are taken whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from weighlock.adapters import rulebook
from weighlock.adapters.rulebook import Rulebook, compiled, digest, read, shipped
from weighlock.errors import ConfigError
from weighlock.masking.operators import OPERATORS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped ones, but for the cases: what is done to the policy here would fail in them."""
    return Path(shutil.copytree(shipped(), tmp_path / "rules", ignore=shutil.ignore_patterns("*.cases.yaml")))


@pytest.fixture
def book(folder: Path) -> Rulebook:
    return Rulebook(folder, OPERATORS, lambda *_: None)


def error(folder: Path) -> str:
    with pytest.raises(ConfigError) as caught:
        compiled(read(folder), OPERATORS)
    return str(caught.value)


def test_a_file_that_is_half_written_never_comes_into_force(
    folder: Path, book: Rulebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "policy" / "default.yaml"
    before, whole = book.current, file.read_text() + "# edited\n"
    half = whole[: whole.index("  # -- secrets")]
    file.write_text(half)
    assert len(compiled(read(folder), OPERATORS).policy.statements) == 1, "half of it is good YAML that only allows"
    monkeypatch.setattr(rulebook.time, "sleep", lambda _: file.write_text(whole))

    assert book.check() is None
    assert book.current is before
    assert book.check() == ("loaded", compiled(read(folder), OPERATORS).digest)
    assert len(book.current.policy.statements) == len(before.policy.statements)


def test_rules_that_keep_changing_wait_until_they_hold_still(
    folder: Path, book: Rulebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    file, before = folder / "policy" / "more.yaml", book.current
    file.write_text("statements: [{id: s0, effect: block}]")
    edits = iter(range(1, 4))

    def edit(_: float) -> None:
        if (number := next(edits, None)) is not None:
            file.write_text(f"statements: [{{id: s{number}, effect: block}}]")

    monkeypatch.setattr(rulebook.time, "sleep", edit)

    assert [book.check() for _ in range(3)] == [None] * 3
    assert book.current is before
    assert book.check() is not None
    assert "s3" in {statement.id for statement in book.current.policy.statements}


def test_a_linked_folder_is_refused_and_not_passed_over(folder: Path, tmp_path: Path) -> None:
    (folder / "policy").rename(tmp_path / "elsewhere")
    (folder / "policy").mkdir()
    (folder / "policy" / "base.yaml").write_text("statements: [{id: base, effect: allow}]")
    (folder / "policy" / "team").symlink_to(tmp_path / "elsewhere")

    assert error(folder) == "policy/team: a linked folder is not looked into; link its files"


def test_rules_linked_as_a_config_map_mounts_them_are_read(folder: Path, tmp_path: Path) -> None:
    mounted, before = tmp_path / "mounted", digest(read(folder))
    mounted.mkdir()
    folder.rename(mounted / "..2026")
    (mounted / "..data").symlink_to("..2026")
    for path in (mounted / "..2026").rglob("*.yaml"):
        place = mounted / path.relative_to(mounted / "..2026")
        place.parent.mkdir(parents=True, exist_ok=True)
        place.symlink_to(path)

    assert compiled(read(mounted), OPERATORS).digest == before


@pytest.mark.timeout(10)
def test_a_pipe_among_the_rules_does_not_hang_the_gateway(folder: Path) -> None:
    os.mkfifo(folder / "policy" / "pipe.yaml")

    assert error(folder) == "policy/pipe.yaml: not a file that can be read"


def test_without_any_detection_rule_nothing_starts(folder: Path) -> None:
    shutil.rmtree(folder / "detect")

    assert error(folder) == "detect: no rule: no pattern would ever be found"
