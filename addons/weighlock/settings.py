"""Every knob, once: its default, its help, and how its text is read.

A knob `body_limit` is `--set weighlock_body_limit=10m` in mitmdump, `--body-limit 10m` in `weighlock run`
and `WEIGHLOCK_BODY_LIMIT=10m` in the environment; the option wins over the environment.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from typing import Any

from weighlock.errors import ConfigError

PREFIX = "weighlock_"
NER = ("spacy+rampart", "spacy", "rampart", "none")
NER_DEFAULT = "spacy+rampart"


def _size(text: str) -> int:
    match = re.fullmatch(r"([1-9][0-9]{0,11})([kmg]?)", text)
    if not match:
        raise ValueError("a size such as 512k, 10m or 1048576")
    return int(match[1]) * {"": 1, "k": 1 << 10, "m": 1 << 20, "g": 1 << 30}[match[2]]


def seconds(text: str) -> float:
    """Of `45s`, `15m`, `1h`, `30d`; ValueError."""
    match = re.fullmatch(r"([0-9]{1,6}(?:\.[0-9]{1,3})?)(s|m|h|d|)", text)
    if not match:
        raise ValueError("a duration such as 45s, 15m, 1h or 30d")
    return float(match[1]) * {"": 1, "s": 1, "m": 60, "h": 3600, "d": 86400}[match[2]]


def _lasting(text: str) -> float:
    if (lasts := seconds(text)) < 1:
        raise ValueError("a duration of a second at least, such as 12h or 30d")
    return lasts


_KEPT = ("workload", "statement", "verdict")


def _retention(text: str) -> tuple[tuple[str, str, int], ...]:
    """Ages, by what they are about: `180d workload/nightly=7d entries=400d`. What stands alone is for all the rest."""
    rules = []
    for part in text.split():
        match = re.fullmatch(r"(?:([a-z]+)(?:/([^\s=]+))?=)?([1-9][0-9]{0,5})([hd])", part)
        if not match or (match[1] and match[1] not in (_KEPT if match[2] else ("entries",))):
            raise ValueError("ages such as 180d workload/nightly=7d statement/bulk=9d verdict/refused=30d entries=400d")
        rules.append((match[1] or "", match[2] or "", int(match[3]) * {"h": 3600, "d": 86400}[match[4]]))
    return tuple(rules)


def _count(text: str) -> int:
    if not re.fullmatch(r"[1-9][0-9]{0,5}", text):
        raise ValueError("a whole number from 1")
    return int(text)


def _path(text: str) -> Path:
    if not text:
        raise ValueError("a path")
    return Path(text).expanduser().resolve()


def _optional_path(text: str) -> Path | None:
    return _path(text) if text else None


def _address(text: str) -> tuple[str, int] | None:
    """`host:port`, or empty for none."""
    if not text:
        return None
    host, colon, port = text.rpartition(":")
    if not colon or not host or not re.fullmatch(r"[0-9]{1,5}", port) or int(port) > 65535:
        raise ValueError("host:port, or nothing to turn it off")
    return host.strip("[]"), int(port)


def _url(text: str) -> str:
    """An origin: scheme, host, and port where it is not the usual one; or empty."""
    if text and not re.fullmatch(r"https://[a-z0-9.-]+(:[0-9]{1,5})?|http://(127\.0\.0\.1|localhost):[0-9]{1,5}", text):
        raise ValueError("https://HOST in lower case, without a path (http on loopback only)")
    return text


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(",")) - {""}


def _one_of(*words: str) -> Callable[[str], str]:
    def read(text: str) -> str:
        if text not in words:
            raise ValueError(f"one of {', '.join(words)}")
        return text

    return read


def _knob(read: Callable[[str], Any], default: str, help: str) -> Any:
    return field(metadata={"read": read, "default": default, "help": help})


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    rules: Path = _knob(_path, "", "Folder of rules: destinations, identity, detect, policy. Default: the one shipped.")
    rules_key: Path | None = _knob(
        _optional_path, "", "PEM file of the public key that rules must be signed with; empty: they need no signature."
    )
    state: Path = _knob(
        _path, "~/.local/state/weighlock", "Folder for the ledger, keys and cut-offs; created with mode 0700."
    )
    body_limit: int = _knob(_size, "10m", "Largest request or response body, decoded, in bytes.")
    header_limit: int = _knob(_size, "64k", "Largest total size of a message's header fields, in bytes.")
    header_count: int = _knob(_count, "100", "Most header fields in a message.")
    workers: int = _knob(_count, "2", "Processes that inspect texts.")
    ner: str = _knob(
        _one_of(*NER), NER_DEFAULT, "Models that find names: spacy (English), rampart (seven languages), both, or none."
    )
    inspect_timeout: float = _knob(seconds, "10s", "Longest that inspecting one text may take; over it, refused.")
    heartbeat: float = _knob(
        seconds, "15s", "How often a stream shows its client that it is alive while text is held back; 0 for never."
    )
    cache: int = _knob(_size, "64m", "Bytes for what was found in texts: a resent one costs little.")
    vault: str = _knob(
        _one_of("memory", "sealed"),
        "memory",
        "Where originals are kept that policy restores: in memory, or sealed in the state folder to outlive a restart.",
    )
    hold_for: float = _knob(seconds, "45s", "Longest that a held request waits in its connection.")
    hold_limit: int = _knob(_count, "500", "Most requests that wait for a decision at once; over it, refused.")
    hold_share: int = _knob(_count, "50", "Most of them that are of one workload.")
    hold_retry: float = _knob(
        seconds, "30s", "After how long a client of a hold that is `soft` is told to ask again; a minute at most."
    )
    hold_grace: float = _knob(seconds, "1m", "How long a held client that left may take to come back; then cancelled.")
    approver_age: float = _knob(seconds, "15m", "How long after logging in an approver may decide.")
    console: tuple[str, int] | None = _knob(
        _address, "127.0.0.1:8181", "Address of the approvers' API; empty turns it off, and a hold then only expires."
    )
    console_url: str = _knob(
        _url, "", "Where browsers find the console, as https://HOST of a proxy before it. Default: its address."
    )
    console_session: float = _knob(seconds, "1h", "How long a browser stays logged in to the console.")
    notify: Path | None = _knob(
        _optional_path, "", "YAML file of the channels that are told of approvals: webhooks, Slack, Teams, e-mail."
    )
    anchors: Path | None = _knob(
        _optional_path, "", "YAML file of the witnesses, time-stamps and files outside this host that keep checkpoints."
    )
    raw_groups: frozenset[str] = _knob(
        _words, "", "Groups, with commas, whose members may see a held prompt unmasked; each view is recorded."
    )
    retention: tuple[tuple[str, str, int], ...] = _knob(
        _retention,
        "",
        "How long payloads and entries are kept, for `weighlock ledger expire`: 180d workload/nightly=7d entries=400d;"
        " empty: for ever.",
    )
    ledger_segment: float = _knob(
        _lasting, "30d", "How long a segment of the ledger lasts; it closes then, and can be removed when it is old."
    )
    upstream_ca: Path | None = _knob(
        _optional_path, "", "PEM file of the authorities that model hosts' certificates are checked against."
    )
    record: Path | None = _knob(
        _optional_path,
        "",
        "Folder of a recorded state, for a rehearsal: its ledger answers, and nothing goes to a model host.",
    )
    record_identity: Path | None = _knob(
        _optional_path, "", "age identity that opens the record. Default: auditor.key in its folder."
    )


def knobs() -> dict[str, dict[str, Any]]:
    """Name → {read, default, help}, in order; what the CLI, mitmproxy's options and the docs are made from."""
    return {knob.name: dict(knob.metadata) for knob in fields(Settings)}


def read(options: Mapping[str, str], environ: Mapping[str, str], rules: Path) -> Settings:
    """Settings from *options* (knob name → text; absent or empty means not given), else *environ*, else defaults.

    *rules* is the shipped folder. Raises ConfigError on a value that cannot be read, or an unknown WEIGHLOCK_ variable.
    """
    known = knobs()
    values: dict[str, Any] = {}
    for name in environ:
        short = name.removeprefix("WEIGHLOCK_").lower()
        if name.startswith("WEIGHLOCK_") and short not in known and short not in CLIENT_VARIABLES:
            raise ConfigError("no such setting; `weighlock run --help` lists them", where=name)
    for name, knob in known.items():
        variable = "WEIGHLOCK_" + name.upper()
        where = PREFIX + name if options.get(name) else variable
        text = options.get(name) or environ.get(variable, knob["default"])
        if name == "rules" and not text:
            text = str(rules)
        try:
            values[name] = knob["read"](text)
        except ValueError as error:
            raise ConfigError(f"{text!r} is not {error}", where=where) from None
    return Settings(**values)


CLIENT_VARIABLES = frozenset({"gateway", "token"})
"""Variables of the command line tool that are no settings of the gateway."""
