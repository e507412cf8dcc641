"""rules/identity/people.yaml: who answers for workloads, and by which accounts a person is known."""

from __future__ import annotations

import datetime
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from weighlock.claims import text
from weighlock.rulefile import Node


@dataclass(frozen=True, slots=True)
class Account:
    """A claim of an issuer's tokens that is this one person's, and nobody else's."""

    issuer: str
    claim: str
    value: str


@dataclass(frozen=True, slots=True)
class Person:
    id: str
    emails: tuple[str, ...]
    accounts: tuple[Account, ...] = field(default=(), repr=False)
    departed: datetime.date | None = None
    """The first day, in UTC, on which nothing is done in this person's name any more."""

    def identifiers(self) -> tuple[tuple[str, str, str], ...]:
        """All that a cut-off of this person must name: claim, value, and issuer (empty for any)."""
        return (
            ("person", self.id, ""),
            *(("email", email, "") for email in self.emails),
            *((account.claim, account.value, account.issuer) for account in self.accounts),
        )

    def gone(self, today: datetime.date) -> bool:
        return self.departed is not None and self.departed <= today


def parse(node: Node) -> tuple[Person, ...]:
    """Raises ConfigError, also where an e-mail or account is that of two people."""
    people: list[Person] = []
    taken: set[object] = set()
    for item in node.mapping(required=["people"])["people"].sequence():
        members = item.mapping(required=["id", "emails"], optional=["accounts", "departed"])
        person = Person(
            id=members["id"].text(r"[a-z0-9][a-z0-9-]{0,63}", "an id of lower-case words and hyphens"),
            emails=members["emails"].strings(r"[^\s@]{1,64}@[^\s@]{1,255}", "an e-mail address"),
            accounts=tuple(_accounts(members["accounts"])) if "accounts" in members else (),
            departed=members["departed"].read(datetime.date.fromisoformat, "a date such as 2027-01-31")
            if "departed" in members
            else None,
        )
        for name in (person.id, *(email.casefold() for email in person.emails), *person.accounts):
            if name in taken:
                what = name.claim if isinstance(name, Account) else name
                raise item.error(f"{what!r} stands here twice: each id, e-mail and account is one person's")
            taken.add(name)
        people.append(person)
    return tuple(people)


def _accounts(node: Node) -> list[Account]:
    accounts = []
    for item in node.sequence():
        members = item.mapping(required=["issuer", "claims"])
        issuer = members["issuer"].text()
        accounts += [Account(issuer, name, value.text()) for name, value in members["claims"].members()]
    return accounts


def find(people: Sequence[Person], name: str) -> Person | None:
    """Who has this id or e-mail address, in whatever case."""
    folded = name.strip().casefold()
    return next((p for p in people if folded in (p.id, *(email.casefold() for email in p.emails))), None)


def behind(people: Sequence[Person], issuer: str, claims: Mapping[str, Any]) -> tuple[Person, ...]:
    """Those whose account is among the verified *claims* of *issuer*."""
    return tuple(
        person
        for person in people
        if any(a.issuer == issuer and text(claims, a.claim) == a.value for a in person.accounts)
    )
