"""`weighlock scan`, twice with the real inspectors, and otherwise with one that knows a single word."""

from __future__ import annotations

import importlib
import json
import re
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import click
import pytest
from click.testing import CliRunner, Result

from builders import a_finding
from weighlock.adapters import rulebook
from weighlock.cli import findings, main
from weighlock.cli.common import EXIT_CONFIG, EXIT_WRONG
from weighlock.cli.scan import EXIT_SKIPPED
from weighlock.errors import Unsupported
from weighlock.model import Finding, Level, Text

WORD = "Bernadette"


class Knows:
    """In place of the pool."""

    def __init__(self, *_: Any) -> None: ...

    async def start(self) -> None: ...

    async def close(self) -> None: ...

    async def inspect(self, texts: Sequence[Text], _: Any) -> tuple[Finding, ...]:
        if "unsplittable" in texts[0].value:
            raise Unsupported("unsplittable", "It cannot be cut.", next_step="Send lines.")
        places = [match.span() for match in re.finditer(WORD, texts[0].value)]
        return tuple(a_finding("PERSON", *place, level=Level.MEDIUM) for place in places)


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(importlib.import_module("weighlock.cli.scan"), "Pool", Knows)


def run(*arguments: str | Path, exit_code: int = EXIT_WRONG, input: str | bytes | None = None, **given: Any) -> Result:
    result = CliRunner().invoke(main, ["scan", *map(str, arguments)], input=input, **given)
    assert result.exit_code == exit_code, result.output
    return result


def scan(*arguments: str | Path, **given: Any) -> dict[str, Any]:
    document: dict[str, Any] = json.loads(run(*arguments, "--json", **given).stdout)
    return document


def test_a_folder_is_scanned_as_the_gateway_would_and_what_is_no_text_is_told(tmp_path: Path) -> None:
    (tmp_path / "deep" / ".git").mkdir(parents=True)
    (tmp_path / "deep" / "mail.txt").write_text("Hello,\nwrite to maria@example.com, please.\n")
    (tmp_path / "deep" / ".git" / "config").write_text("maria@example.com")
    (tmp_path / "hidden.txt").write_text("bWFyaWEubG9wZXpAZXhhbXBsZS5jb20=")
    (tmp_path / "link.txt").symlink_to(tmp_path / "hidden.txt")
    (tmp_path / "long").write_text("x" * 300_000)
    (tmp_path / "picture.png").write_bytes(b"\x89PNG\0")

    document = scan(tmp_path, "--ner", "none")

    assert document["files"] == 4
    assert [(Path(row["file"]).name, row["line"], row["column"], row["view"]) for row in document["findings"]] == [
        ("hidden.txt", 1, 1, "decoded"),
        ("mail.txt", 2, 10, "raw"),
    ]
    assert document["findings"][1] | {"file": ""} == {
        "file": "",
        "line": 2,
        "column": 10,
        "start": 16,
        "end": 33,
        "level": "medium",
        "score": 0.95,
        "entity": "EMAIL_ADDRESS",
        "rule": "email",
        "tags": ["contact", "pii"],
        "view": "raw",
        "shape": "xxxxx@xxxxxxx.xxx",
    }
    told = {Path(skipped["file"]).name: skipped["reason"] for skipped in document["skipped"]}
    assert told.keys() == {"long", "picture.png"}
    assert "Send it in parts" in told["long"]


def test_names_are_found_by_the_models_that_are_asked_for_from_their_threshold_on(tmp_path: Path) -> None:
    said = "Please ask Maria Lopez, maria@example.com, about it."
    rules = Path(shutil.copytree(rulebook.shipped(), tmp_path / "rules"))
    (rules / "detect" / "thresholds.yaml").write_text("PERSON: 1")

    found = scan("-", "--ner", "spacy", input=said)["findings"]
    sure = scan("-", "--ner", "spacy", "--rules", rules, input=said)["findings"]

    assert [row["entity"] for row in found] == ["PERSON", "EMAIL_ADDRESS"]
    assert [row["entity"] for row in sure] == ["EMAIL_ADDRESS"]


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize("form", [[], ["--json"]], ids=["table", "json"])
def test_no_value_is_shown_unless_it_is_asked_for(form: list[str]) -> None:
    said = f"I met {WORD}."

    assert WORD not in run("-", *form, input=said).output
    assert "xxxxxxxxxx" in run("-", *form, input=said).stdout
    assert WORD in run("-", *form, "--show", input=said).stdout


@pytest.mark.usefixtures("quick")
def test_the_table_has_a_line_for_each_finding_with_its_place() -> None:
    shown = run("-", input=f"I met\nher, {WORD}, and {WORD}.").stdout.splitlines()

    assert [line.split()[:7] for line in shown] == [
        ["place", "span", "level", "score", "entity", "rule", "view"],
        ["-:2:6", "11-21", "medium", "0.9", "PERSON", "person", "raw"],
        ["-:2:22", "27-37", "medium", "0.9", "PERSON", "person", "raw"],
    ]


@pytest.mark.usefixtures("quick")
def test_the_text_itself_is_printed_with_what_was_found_marked_in_the_colour_of_its_level() -> None:
    said = f"I met {WORD}\r\nat noon.\n"

    assert run("-", "--text", input=said.encode()).stdout_bytes == b"I met [Bernadette](PERSON)\r\nat noon.\n"
    coloured = run("-", "--text", input=said, color=True).stdout
    assert click.unstyle(coloured) != coloured
    assert "\x1b[33m" in coloured


@pytest.mark.usefixtures("quick")
def test_a_terminal_obeys_nothing_in_a_text_that_is_shown() -> None:
    said = f"{WORD} \x1b[2J\x9b2J \u202e {WORD}"

    assert not re.search("[\x1b\x9b\u202e]", run("-", "--text", input=said).stdout)
    assert findings.visible("a\tb\r\nc\rd") == "a\tb\r\nc\ufffdd"


@pytest.mark.usefixtures("quick")
def test_nothing_found_is_exit_code_0_and_a_higher_level_asks_for_more() -> None:
    run("-", exit_code=0, input="I met her.")
    run("-", "--min-level", "high", exit_code=0, input=WORD)
    run("-", "--min-level", "medium", exit_code=EXIT_WRONG, input=WORD)


@pytest.mark.usefixtures("quick")
@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b"\x00\x01", "no text"),
        (b"caf\xe9", "not UTF-8, from byte 3"),
        (b"x" * 2000, "more than 1024 bytes"),
        (b"unsplittable", "It cannot be cut. Send lines."),
    ],
    ids=["binary", "latin-1", "large", "unsplittable"],
)
def test_what_cannot_be_scanned_is_one_line_with_a_next_step_and_its_own_exit_code(
    tmp_path: Path, data: bytes, said: str
) -> None:
    (tmp_path / "odd").write_bytes(data)
    (tmp_path / "fine").write_text("I met her.")

    result = run(tmp_path, exit_code=EXIT_SKIPPED, env={"WEIGHLOCK_BODY_LIMIT": "1k"})

    (line, _) = result.stderr.splitlines()
    assert said in line
    assert str(tmp_path / "odd") in line
    (tmp_path / "fine").write_text(WORD)
    run(tmp_path, exit_code=EXIT_WRONG, env={"WEIGHLOCK_BODY_LIMIT": "1k"})


@pytest.mark.usefixtures("quick")
def test_what_was_found_stands_in_the_order_of_files(tmp_path: Path) -> None:
    for name in ("b", "a", "c/d"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(WORD)

    rows = scan(tmp_path / "c", tmp_path)["findings"]

    assert [Path(row["file"]).relative_to(tmp_path).as_posix() for row in rows] == ["c/d", "a", "b"]


def test_rules_that_cannot_be_used_are_told_before_anything_is_started(tmp_path: Path) -> None:
    (tmp_path / "detect" / "pii").mkdir(parents=True)
    (tmp_path / "detect" / "pii" / "x.yaml").write_text("id: x\n")

    assert "detect/pii/x.yaml:1:1" in run("-", "--rules", tmp_path, exit_code=EXIT_CONFIG, input="x").stderr


def test_two_ways_to_print_are_a_mistake() -> None:
    assert "choose one" in run("-", "--text", "--json", exit_code=2, input="x").stderr


def test_a_shape_says_nothing_of_what_stands_there() -> None:
    assert findings.shape("Zoë O'Hara-7 ßA@b.c") == "xxx x·xxxx-x xx@x.x"
    assert len(findings.shape("x" * 1000)) == findings.SHAPE + 1
