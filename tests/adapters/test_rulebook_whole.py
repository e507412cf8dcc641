"""Rules are taken whole or not at all."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

import pytest

from weighlock.adapters import rulewatch
from weighlock.adapters.rulebook import compiled, digest, read, shipped
from weighlock.adapters.rulewatch import Rulebook
from weighlock.errors import ConfigError
from weighlock.masking.operators import OPERATORS


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped ones, but for the cases: what is done to the policy here would fail in them."""
    return Path(shutil.copytree(shipped(), tmp_path / "rules", ignore=shutil.ignore_patterns("*.cases.yaml")))


@pytest.fixture
def book(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Rulebook:
    monkeypatch.setattr(rulewatch, "SETTLE", 0)
    book = Rulebook(folder, OPERATORS, lambda *_: None)
    book.check()
    return book


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
    monkeypatch.setattr(rulewatch.time, "sleep", lambda _: file.write_text(whole))

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

    monkeypatch.setattr(rulewatch.time, "sleep", edit)

    assert [book.check() for _ in range(3)] == [None] * 3
    assert book.current is before
    assert book.check() is not None
    assert "s3" in {statement.id for statement in book.current.policy.statements}


def test_a_linked_folder_is_read_like_any(folder: Path, tmp_path: Path) -> None:
    before = digest(read(folder))
    (folder / "policy").rename(tmp_path / "elsewhere")
    (folder / "policy").symlink_to(tmp_path / "elsewhere")

    assert digest(read(folder)) == before


@pytest.mark.parametrize("target", [".", "..", "../policy"])
def test_a_link_to_a_folder_that_it_lies_in_is_refused(folder: Path, target: str) -> None:
    (folder / "policy" / "team").symlink_to(target)

    assert error(folder).endswith("policy/team: a link to a folder that it lies in")


@pytest.fixture
def mounted(folder: Path, tmp_path: Path) -> Path:
    """As Kubernetes mounts a ConfigMap: everything at the top is a link into ..data, which is a link itself."""
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    folder.rename(mounted / "..2026_11_23")
    (mounted / "..data").symlink_to("..2026_11_23")
    for entry in (mounted / "..data").iterdir():
        (mounted / entry.name).symlink_to(Path("..data", entry.name))
    return mounted


def test_rules_are_read_as_a_config_map_mounts_them(mounted: Path) -> None:
    assert read(mounted) == read(mounted / "..2026_11_23")


def test_a_config_map_that_changes_is_swapped_whole(mounted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rulewatch, "SETTLE", 0)
    book = Rulebook(mounted, OPERATORS, lambda *_: None)
    book.check()
    shutil.copytree(mounted / "..2026_11_23", mounted / "..2026_11_24")
    with (mounted / "..2026_11_24" / "policy" / "default.yaml").open("a") as file:
        file.write("# edited\n")
    assert book.check() is None
    (mounted / "..data_tmp").symlink_to("..2026_11_24")
    (mounted / "..data_tmp").rename(mounted / "..data")
    shutil.rmtree(mounted / "..2026_11_23")

    assert book.check() == ("loaded", digest(read(mounted / "..2026_11_24")))


@pytest.mark.parametrize("left", ["4913", "default.yaml~", "#default.yaml#", "sedAb12"])
def test_what_an_editor_leaves_for_a_moment_is_no_mistake(
    left: str, folder: Path, book: Rulebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, file = book.current, folder / "policy" / left
    file.write_text("statements: []")
    monkeypatch.setattr(rulewatch.time, "sleep", lambda _: file.unlink())

    assert book.check() is None
    assert book.check() is None
    assert (book.current, book.complaint) == (before, "")


@pytest.mark.parametrize("way", ["rename", "remove and write", "truncate and write"])
def test_however_an_editor_writes_the_new_version_comes_into_force_once(
    way: str, folder: Path, book: Rulebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = folder / "policy" / "default.yaml"
    new = file.read_text() + "# edited\n"

    def second_half(_: float) -> None:
        if not file.exists() or not file.read_text():
            file.write_text(new)

    monkeypatch.setattr(rulewatch.time, "sleep", second_half)
    if way == "rename":
        file.with_name(".new").write_text(new)
        file.with_name(".new").rename(file)
    elif way == "remove and write":
        file.unlink()
    else:
        file.write_text("")
    told = [book.check() for _ in range(3)]

    assert [event for event in told if event] == [("loaded", book.current.digest)]
    assert book.current.sources["policy/default.yaml"] == new


@pytest.mark.timeout(10)
def test_a_pipe_among_the_rules_does_not_hang_the_gateway(folder: Path) -> None:
    os.mkfifo(folder / "policy" / "pipe.yaml")

    assert error(folder) == "policy/pipe.yaml: not a file that can be read"


def test_without_any_detection_rule_nothing_starts(folder: Path) -> None:
    shutil.rmtree(folder / "detect")

    assert error(folder) == "detect: no rule: no pattern would ever be found"
