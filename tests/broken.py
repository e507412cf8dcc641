"""Policies that must not come into force: what is done to good rules, signed as version 7, and what is told."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import smallrules
from signing import Pair
from weighlock.policy import manifest

DEFAULT, RULE = "policy/default.yaml", "detect/pii/email.yaml"
KEY, OTHER = Pair.new(), Pair.new()
type Break = Callable[[Path], object]


def signed(name: str, text: str, version: int = 8, key: Pair = KEY) -> Break:
    """The file *name* says *text*, and all is signed: only the text is wrong."""

    def write(folder: Path) -> None:
        (folder / name).write_text(text)
        key.sign(folder, version)

    return write


def statements(*texts: str) -> str:
    return smallrules.POLICY + "".join(f"  - {{{text}}}\n" for text in texts)


def lookaround(folder: Path) -> None:
    lines = (folder / RULE).read_text().splitlines()
    signed(RULE, "\n".join("pattern: '(?=x)y'" if line.startswith("pattern:") else line for line in lines))(folder)


def any_json(folder: Path) -> None:
    hosts = folder / "destinations.yaml"
    hosts.write_text(hosts.read_text().replace("dialects: [openai]", "dialects: [openai, generic]"))
    signed(DEFAULT, statements("id: no-gpt, effect: block, calls: {models: [gpt-5]}"))(folder)


GOOD = smallrules.POLICY
MASK = "id: m, effect: mask, operator: redact, findings: {entities: [EMAIL_ADDRESS], count: 2}"
BROKEN: dict[str, tuple[Break, str]] = {
    "bad YAML": (signed(DEFAULT, "statements: [\n"), "policy/default.yaml:2:1: not YAML"),
    "an unknown key": (
        signed(DEFAULT, GOOD.replace("effect", "efect", 1)),
        "policy/default.yaml:2:31: unknown key 'efect'; did you mean 'effect'?",
    ),
    "a bad regular expression": (
        signed(
            RULE,
            "{id: email, title: x, level: low, entity: X, tags: [a], pattern: '(', score: 1, match: [a], clear: [b]}",
        ),
        "not a regular expression of RE2",
    ),
    "look-around": (lookaround, "not a regular expression of RE2: no look-around, no back references"),
    "a bad condition": (
        signed(DEFAULT, statements("id: c, effect: block, when: 'call.sise > 1'")),
        "there is no call.sise",
    ),
    "a failing case": (
        signed(DEFAULT, GOOD.replace("effect: block", "effect: allow")),
        "policy/default.cases.yaml:2:5: the case 'a card is blocked' fails: action allow, not block",
    ),
    "an id twice": (
        signed("policy/more.yaml", "statements: [{id: cards-stay, effect: block}]"),
        "policy/more.yaml:1:14: a statement 'cards-stay' exists already",
    ),
    "a name that is nowhere": (
        signed(DEFAULT, GOOD.replace("CREDIT_CARD", "CREDITCARD")),
        "names 'CREDITCARD' among entities: there is none; did you mean 'CREDIT_CARD'?",
    ),
    "no allow": (signed(DEFAULT, "statements: []\n"), "no statement: nothing would ever be allowed"),
    "a count in streams": (signed(DEFAULT, statements(MASK)), "a streamed reply cannot be masked by what will follow"),
    "models where none can be told": (
        any_json,
        "'no-gpt': is about models, and nobody can tell the model of a call in",
    ),
    "two operators": (
        signed(DEFAULT, statements("id: m, effect: mask, operator: hash, findings: {entities: [EMAIL_ADDRESS]}")),
        "EMAIL_ADDRESS is masked by 'm' too, with another operator, in the same case",
    ),
    "not signed": (
        lambda folder: (folder / DEFAULT).write_text(f"{GOOD}# edited\n"),
        "policy/default.yaml: not as it is",
    ),
    "a stripped signature": (
        lambda folder: (folder / manifest.NAME).unlink(),
        "manifest.jws: the rules are not signed",
    ),
    "another key": (signed(DEFAULT, f"{GOOD}# edited\n", key=OTHER), "manifest.jws: signed with the key "),
    "a rolled-back version": (
        signed(DEFAULT, f"{GOOD}# old\n", 6),
        "manifest.jws: version 6 is older than 7, which was",
    ),
    "a repeated version": (
        signed(DEFAULT, f"{GOOD}# other\n", 7),
        "manifest.jws: version 7 was in force with other rules",
    ),
    "an extra file": (
        lambda folder: (folder / "policy" / "more.yaml").write_text("statements: [{id: more, effect: allow}]"),
        "policy/more.yaml: not among the files of the signed version 7",
    ),
    "another kind of file": (
        lambda folder: (folder / "policy" / "more.yml").touch(),
        "policy/more.yml: only .yaml files",
    ),
    "cut short while it is written": (
        lambda folder: (folder / DEFAULT).write_text(GOOD[: GOOD.index("  - {id: people")]),
        "policy/default.yaml: not as it is in the signed version 7",
    ),
}
