from __future__ import annotations

import asyncio
import contextlib
import os
import shutil
from pathlib import Path

import pytest

from weighlock.adapters import rulebook, rulewatch
from weighlock.adapters.rulebook import NONE, compiled, digest, read, shipped
from weighlock.adapters.rulewatch import Rulebook
from weighlock.errors import ConfigError
from weighlock.masking.operators import OPERATORS
from weighlock.model import Action

POLICY = "policy/default.yaml"
RULE = "detect/pii/email.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped ones, but for the cases: what is done to the policy here would fail in them."""
    return Path(shutil.copytree(shipped(), tmp_path / "rules", ignore=shutil.ignore_patterns("*.cases.yaml")))


@pytest.fixture
def book(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Rulebook:
    monkeypatch.setattr(rulewatch, "SETTLE", 0)
    book = Rulebook(folder, OPERATORS, lambda *_: None)
    assert book.check() == ("loaded", book.current.digest)
    return book


def change(folder: Path, name: str, text: str) -> None:
    path = folder / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


def edit(folder: Path, name: str, old: str, new: str) -> None:
    text = (folder / name).read_text()
    assert old in text
    change(folder, name, text.replace(old, new, 1))


def test_the_shipped_rules_are_good(folder: Path, book: Rulebook) -> None:
    rules = book.current

    assert rules.destinations
    assert rules.identity.issuers
    assert rules.identity.workloads
    assert len(rules.detect.rules) == len(list((shipped() / "detect").rglob("*.yaml")))
    assert rules.digest == rules.policy.digest == digest(read(folder))
    assert rules.policy.uncovered is not Action.ALLOW


def test_a_look_at_unchanged_rules_says_nothing_and_keeps_them(book: Rulebook) -> None:
    before = book.current

    assert [book.check(), book.check()] == [None, None]
    assert book.current is before


def test_rules_that_did_not_change_are_not_read_at_every_look(book: Rulebook, monkeypatch: pytest.MonkeyPatch) -> None:
    reads = []
    monkeypatch.setattr(rulebook, "contents", lambda folder: reads.append(folder))

    for _ in range(20):
        assert book.check() is None
    assert reads == []


def test_a_change_that_the_file_system_does_not_tell_of_is_seen_all_the_same(
    folder: Path, book: Rulebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rulebook, "marks", lambda folder: ("as before",))
    clock = iter(range(0, 1000, 5))
    monkeypatch.setattr(rulewatch.time, "monotonic", lambda: next(clock))
    assert book.check() is None
    edit(folder, POLICY, "effect: allow", "effect: block")

    told = [event for _ in range(4) if (event := book.check())]
    assert told == [("loaded", book.current.digest)]


@pytest.mark.parametrize("kept", ["size", "times"])
def test_a_change_that_keeps_the_size_or_the_times_is_seen_at_once(kept: str, folder: Path, book: Rulebook) -> None:
    path = folder / POLICY
    before = path.stat()
    edit(folder, POLICY, "effect: allow", "effect: block" if kept == "size" else "effect:  block")
    if kept == "times":
        os.utime(path, ns=(before.st_atime_ns, before.st_mtime_ns))

    assert book.check() == ("loaded", book.current.digest)


def test_a_good_edit_swaps_all_at_once_and_is_told_once(folder: Path, book: Rulebook) -> None:
    before = book.current
    edit(folder, POLICY, "effect: allow", "effect: block")

    assert book.check() == ("loaded", book.current.digest)
    assert book.current.digest != before.digest
    assert book.current.policy.statements[0].effect is Action.BLOCK
    assert before.policy.statements[0].effect is Action.ALLOW
    assert book.check() is None


BAD: dict[str, tuple[str, str | None, str]] = {
    # what: file, its text, what is told
    "bad YAML": (POLICY, "statements: [\n", "policy/default.yaml:2:1: not YAML"),
    "empty": (POLICY, "", "policy/default.yaml: empty"),
    "unknown key": (POLICY, "statments: []\n", "did you mean 'statements'"),
    "no statement": (POLICY, "statements: []\n", "nothing would ever be allowed"),
    "unknown file": ("extra.yaml", "a: 1\n", "extra.yaml: there is no such rule file"),
    "a failing case": (
        "policy/more.cases.yaml",
        "cases:\n  - {name: all is well, expect: {action: block}}\n",
        "policy/more.cases.yaml:2:5: the case 'all is well' fails: action allow, not block",
    ),
    "a case of nothing": ("policy/more.cases.yaml", "cases:\n  - {name: a}\n", "'expect' is missing"),
    "misplaced file": ("identity/policy.yaml", "statements: []\n", "there is no such rule file"),
    "another suffix": ("policy/more.yml", "statements: []\n", "policy/more.yml: only .yaml"),
    "an editor's backup": ("policy/default.yaml~", "statements: []\n", "only .yaml"),
    "not UTF-8": (POLICY, "statements: \udcff", "cannot be read"),
    "bad pattern": (RULE, None, "detect/pii/email.yaml:"),
    "missing file": ("destinations.yaml", None, "destinations.yaml: this file is missing"),
}


def spoil(folder: Path, what: str) -> None:
    name, text, _ = BAD[what]
    if text is not None:
        (folder / name).write_bytes(text.encode("utf-8", "surrogateescape"))
    elif what == "missing file":
        (folder / name).unlink()
    else:
        lines = (folder / name).read_text().splitlines(keepends=True)
        change(folder, name, "".join("pattern: '(?=x)y'\n" if line.startswith("pattern:") else line for line in lines))


@pytest.mark.parametrize("what", BAD)
def test_whatever_is_wrong_the_last_good_rules_stay_and_it_is_said_once(
    what: str, folder: Path, book: Rulebook
) -> None:
    before = book.current
    spoil(folder, what)
    event = book.check()

    assert event is not None
    assert event[0] == "rejected"
    assert BAD[what][2] in event[1]
    assert [book.check(), book.check()] == [None, None]
    assert book.current is before


@pytest.mark.parametrize("what", BAD)
def test_where_the_first_rules_are_bad_none_are_in_force_until_they_are_right(
    what: str, folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rulewatch, "SETTLE", 0)
    shutil.copytree(folder, tmp_path / "good")
    spoil(folder, what)
    book = Rulebook(folder, OPERATORS, lambda *_: None)

    assert book.check() == ("rejected", book.complaint)
    assert BAD[what][2] in book.complaint
    assert book.check() is None
    assert book.current is NONE
    shutil.rmtree(folder)
    (tmp_path / "good").rename(folder)
    assert book.check() == ("loaded", book.current.digest)
    assert book.current is not NONE


def test_every_new_complaint_is_told_and_an_old_one_again_after_a_good_version(folder: Path, book: Rulebook) -> None:
    good = (folder / POLICY).read_text()
    told = []
    for text in ("statements: [\n", "statments: []\n", "statements: [\n", good, "statements: [\n", good + "# more\n"):
        change(folder, POLICY, text)
        told.append(book.check())

    assert [event and event[0] for event in told] == ["rejected", "rejected", "rejected", None, "rejected", "loaded"]


@pytest.mark.parametrize("gone", ["empty", "removed"])
def test_rules_that_are_gone_are_bad_rules(gone: str, folder: Path, book: Rulebook) -> None:
    before = book.current
    shutil.rmtree(folder)
    if gone == "empty":
        folder.mkdir()

    event = book.check()
    assert event is not None
    assert (event[0], book.current) == ("rejected", before)
    assert "no rules here" in event[1]


def test_a_defect_of_ours_keeps_the_last_good_rules(
    folder: Path, book: Rulebook, monkeypatch: pytest.MonkeyPatch
) -> None:
    before = book.current
    edit(folder, POLICY, "effect: allow", "effect: block")
    monkeypatch.setattr(rulebook, "compiled", lambda *_: 1 / 0)

    assert book.check() == ("rejected", "cannot be checked: ZeroDivisionError")
    assert book.check() is None
    assert book.current is before


def test_hidden_files_and_readmes_are_no_rules(folder: Path) -> None:
    before = digest(read(folder))
    change(folder, ".git/config", "x")
    change(folder, "policy/.default.yaml.swp", "x")
    change(folder, "policy/README.md", "x")

    assert digest(read(folder)) == before


def test_rules_over_the_bound_are_not_read(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rulebook, "LIMIT", 100)
    with pytest.raises(ConfigError, match="over 100 bytes"):
        read(folder)


def test_the_digest_depends_on_names_and_texts_and_where_they_are_cut() -> None:
    files = [{"a": "b"}, {"ab": ""}, {"a": "c"}, {"b": "a"}, {"a": "", "b": ""}, {}]

    assert len({digest(one) for one in files}) == len(files)
    assert digest({"a": "1", "b": "2"}) == digest({"b": "2", "a": "1"})


def test_a_misplaced_rule_is_told_even_among_good_ones() -> None:
    with pytest.raises(ConfigError, match="no such rule file"):
        compiled(read(shipped()) | {"detct/x.yaml": "a: 1\n"}, OPERATORS)


async def test_the_watch_tells_of_bad_and_good_and_goes_on(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rulewatch, "INTERVAL", 0)
    monkeypatch.setattr(rulewatch, "SETTLE", 0)
    told: asyncio.Queue[tuple[str, str]] = asyncio.Queue()
    swapped: list[str] = []
    book = Rulebook(folder, OPERATORS, lambda *event: told.put_nowait(event))
    book.check()
    watch = asyncio.create_task(book.watch(lambda: swapped.append(book.current.digest)))
    try:
        change(folder, "extra.yaml", "a: 1\n")
        assert (await asyncio.wait_for(told.get(), 30))[0] == "rejected"
        assert swapped == []
        (folder / "extra.yaml").unlink()
        edit(folder, POLICY, "effect: allow", "effect: block")
        assert await asyncio.wait_for(told.get(), 30) == ("loaded", book.current.digest)
    finally:
        watch.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await watch
    assert told.empty()
    assert swapped == [book.current.digest]
