"""`weighlock fingerprint`, `records` and `canary`."""

from __future__ import annotations

import json
from pathlib import Path

import click
import pytest
from click.testing import CliRunner, Result

from weighlock.adapters.inspector.material import MaterialSearch
from weighlock.adapters.keys import open_keys
from weighlock.adapters.material import MaterialWatch
from weighlock.adapters.stores import material
from weighlock.cli import main

CODE = """
def overdue(invoices, today, grace):
    late = [invoice for invoice in invoices if invoice.due + grace < today and not invoice.disputed]
    return sorted(late, key=lambda invoice: (invoice.customer.rating, -invoice.open_amount))
"""
PROSE = "The upper gate is closed at dusk, and whoever comes later has to wait for the keeper of the lower gate.\n"


@pytest.fixture
def state(tmp_path: Path) -> Path:
    """A folder that a gateway has used."""
    folder = tmp_path / "state"
    open_keys(folder)
    return folder


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "billing"
    for name, text in {
        "overdue.py": CODE,
        "LICENSE": PROSE * 3,
        ".git/HEAD": PROSE,
        "node_modules/x.js": PROSE,
        "picture.py": "\0" + CODE,
    }.items():
        (tree / name).parent.mkdir(parents=True, exist_ok=True)
        (tree / name).write_text(text)
    return tree


def run(state: Path, *arguments: object) -> Result:
    return CliRunner().invoke(main, [*map(str, arguments), "--state", str(state)])


def said(state: Path, *arguments: object) -> object:
    result = run(state, *arguments, "--json")
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


def rules(state: Path, text: str) -> set[str]:
    key = open_keys(state).fingerprint
    return {hit.rule for hit in MaterialSearch(MaterialWatch(state, key).current().files, key).hits(text)}


def test_a_tree_is_indexed_listed_and_removed(state: Path, tree: Path) -> None:
    added = run(state, "fingerprint", "add", tree, "--label", "acme-billing")
    assert added.exit_code == 0
    assert added.stdout.startswith("indexed 1 files as fingerprint-acme-billing: ")
    assert added.stdout.endswith(" shingles, 2 skipped\n")
    assert rules(state, CODE.replace("    ", "\t")) == {"fingerprint-acme-billing"}
    assert rules(state, PROSE) == set()

    (row,) = said(state, "fingerprint", "list")  # type: ignore[misc]
    assert (row["label"], row["entity"], row["level"]) == ("acme-billing", "PROPRIETARY_CODE", "high")
    assert row["bytes"] == 8 * row["size"] > 0

    assert run(state, "fingerprint", "remove", "acme-billing").stdout == "removed acme-billing\n"
    assert rules(state, CODE) == set()
    assert run(state, "fingerprint", "list").stdout == "nothing is indexed\n"


def test_documents_are_told_from_code(state: Path, tmp_path: Path) -> None:
    (tmp_path / "a.md").write_text(PROSE)

    made = said(state, "fingerprint", "add", tmp_path / "a.md", "--label", "memo")
    assert made["entity"] == "DOCUMENT"  # type: ignore[index]


def test_a_label_that_is_added_again_is_replaced(state: Path, tree: Path) -> None:
    said(state, "fingerprint", "add", tree, "--label", "acme")
    (tree / "overdue.py").write_text(PROSE)
    said(state, "fingerprint", "add", tree, "--label", "acme")

    assert rules(state, PROSE) == {"fingerprint-acme"}
    assert rules(state, CODE) == set()


def test_what_is_common_is_told_apart(state: Path, tree: Path) -> None:
    said(state, "fingerprint", "add", tree, "--label", "acme")
    said(state, "fingerprint", "add", tree, "--label", "public", "--common")

    assert rules(state, CODE) == set()
    run(state, "fingerprint", "remove", "public")
    assert rules(state, CODE) == {"fingerprint-acme"}


def test_records_are_indexed_and_those_that_say_nothing_counted(state: Path, tmp_path: Path) -> None:
    table = tmp_path / "crm.csv"
    table.write_text("customer_id,name,note\nCUST-4711,Anna Berg,x\nCUST-4712,Schmidt,y\n17,Ben Ito,z\n,,\n")

    given = ["records", "add", table, "--column", "customer_id", "--column", "name", "--entity", "CUSTOMER_ID"]
    added = run(state, *given, "--label", "crm")
    assert added.stdout == "indexed 4 records as record-crm; refused: 1 a single word, 1 too short\n"
    assert rules(state, "for ANNA BERG, id cust4712") == {"record-crm"}
    assert rules(state, "Schmidt, 17") == set()
    (row,) = said(state, "records", "list")  # type: ignore[misc]
    assert (row["label"], row["entity"], row["size"]) == ("crm", "CUSTOMER_ID", 4)
    assert run(state, "records", "remove", "crm").exit_code == 0
    assert rules(state, "Anna Berg") == set()


def test_a_canary_is_told_once_and_seen_from_then_on(state: Path) -> None:
    first = run(state, "canary", "new", "--label", "wiki").stdout.strip()
    second = said(state, "canary", "new", "--label", "wiki", "--form", "customer")["canary"]  # type: ignore[index]

    assert rules(state, f"see {first}") == rules(state, f"see {second}") == {"canary-wiki"}
    assert rules(state, first[:-1]) == set()
    (row,) = said(state, "canary", "list")  # type: ignore[misc]
    assert (row["label"], row["size"]) == ("wiki", 2)
    assert first not in run(state, "canary", "list", "--json").output
    assert run(state, "canary", "remove", "wiki").exit_code == 0
    assert rules(state, first) == set()


@pytest.mark.parametrize("group", ["fingerprint", "records", "canary"])
def test_what_is_not_there_cannot_be_removed(state: Path, group: str) -> None:
    result = run(state, group, "remove", "nothing")

    assert result.exit_code == 1
    assert result.stderr == f"weighlock: no label nothing; `weighlock {group} list` shows those that are\n"


@pytest.mark.parametrize("group", ["fingerprint", "records", "canary"])
def test_a_folder_that_no_gateway_has_used_is_refused(tmp_path: Path, group: str) -> None:
    result = run(tmp_path / "nowhere", group, "list")

    assert (result.exit_code, result.stdout) == (78, "")
    assert "no gateway has used this state folder" in result.stderr
    assert not (tmp_path / "nowhere").exists()


def test_a_damaged_index_is_named_and_can_be_removed(state: Path) -> None:
    run(state, "canary", "new")
    path = material.place(state, material.Kind.CANARY, "default")
    path.write_bytes(path.read_bytes()[:-3])

    for command in ("list", "new"):
        result = run(state, "canary", command)
        assert result.exit_code == 78
        assert result.stderr.count("\n") == 1
        assert "canary-default.idx: damaged" in result.stderr
    assert run(state, "canary", "remove", "default").exit_code == 0
    assert run(state, "canary", "list").exit_code == 0


@pytest.mark.parametrize(
    ("arguments", "wrong", "code"),
    [
        (["fingerprint", "add", "{tree}/LICENSE", "--label", "x"], "nothing to index", 78),
        (["fingerprint", "add", "{tree}", "--label", "Not A Label"], "lower-case letters", 2),
        (["fingerprint", "add", "{tree}/missing", "--label", "x"], "does not exist", 2),
        (["records", "add", "{tree}/overdue.py", "--column", "id", "--entity", "X", "--label", "x"], "no column", 78),
        (["records", "add", "{tree}/overdue.py", "--column", "id", "--entity", "x", "--label", "x"], "capitals", 2),
        (["canary", "new", "--label", "../x"], "lower-case letters", 2),
    ],
    ids=["nothing", "label", "missing", "column", "entity", "escape"],
)
def test_what_cannot_be_done_is_said_in_a_line(
    state: Path, tree: Path, arguments: list[str], wrong: str, code: int
) -> None:
    result = run(state, *(argument.format(tree=tree) for argument in arguments))

    assert result.exit_code == code
    assert wrong in click.unstyle(result.stderr)
    assert "Traceback" not in result.output
    assert not material.files(state)


def test_no_value_of_a_table_stands_in_an_error(state: Path, tmp_path: Path) -> None:
    table = tmp_path / "crm.csv"
    table.write_bytes(b"id\n\xff\xfeSECRET\n")

    result = run(state, "records", "add", table, "--column", "id", "--entity", "X", "--label", "x")
    assert result.exit_code == 78
    assert "SECRET" not in result.output


def test_a_scan_finds_what_the_gateway_of_that_state_folder_would(state: Path, tree: Path, tmp_path: Path) -> None:
    run(state, "fingerprint", "add", tree, "--label", "acme-billing")
    pasted = tmp_path / "pasted.txt"
    pasted.write_text(CODE)

    result = run(state, "scan", pasted, "--ner", "none", "--json")

    assert result.exit_code == 1
    assert "fingerprint-acme-billing" in result.stdout
    assert "fingerprint-acme-billing" not in run(tmp_path / "other", "scan", pasted, "--ner", "none", "--json").stdout
