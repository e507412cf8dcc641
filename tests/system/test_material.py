"""What is told to a running gateway to be one's own is found from then on, also in what it knows from before."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from clients import ask
from demo.gateway import Gateway
from demo.model_host import ModelHost

PATIENCE = 20.0
CODE = '''
def overdue(invoices, today, grace):
    """Those that a reminder goes out for, the customers with the worst rating first."""
    late = [invoice for invoice in invoices if invoice.due + grace < today and not invoice.disputed]
    return sorted(late, key=lambda invoice: (invoice.customer.rating, -invoice.open_amount))
'''
PASTED = "Why is this slow?\n" + "".join(f"{n:6}\t{line}\n" for n, line in enumerate(CODE.splitlines(), 1))


@pytest.fixture
def own(make: Callable[..., Gateway]) -> Iterator[Gateway]:
    with make(options={"weighlock_ner": "none"}) as gateway:
        yield gateway


def tell(gateway: Gateway, *arguments: object) -> str:
    done = gateway.weighlock(*map(str, arguments))
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def until(gateway: Gateway, text: str, wanted: Callable[[httpx.Response], bool]) -> httpx.Response:
    """The first answer to *text* that is *wanted*."""
    end = time.monotonic() + PATIENCE
    while not wanted(answer := ask(gateway, text)):
        assert time.monotonic() < end, answer.text
    return answer


def refused(answer: httpx.Response) -> bool:
    return answer.status_code != 200


def test_what_is_told_is_in_force_without_a_restart(own: Gateway, host: ModelHost, tmp_path: Path) -> None:
    assert ask(own, PASTED).status_code == 200
    (tmp_path / "billing").mkdir()
    (tmp_path / "billing" / "overdue.py").write_text(CODE)
    tell(own, "fingerprint", "add", tmp_path / "billing", "--label", "acme-billing")

    blocked = until(own, PASTED, refused)
    assert blocked.status_code == 403
    assert "proprietary-text-never-leaves" in blocked.text
    seen = len(host.received)
    assert ask(own, PASTED).status_code == 403
    assert bytes(host.received[seen:]) == b""
    assert ask(own, "def fresh(invoices):\n    return [invoice.total for invoice in invoices]\n").status_code == 200
    shown = own.weighlock("ledger", "show", "--limit", "10", "--json").stdout
    assert "fingerprint-acme-billing" in shown
    assert "PROPRIETARY_CODE" in shown

    canary = tell(own, "canary", "new", "--label", "wiki")
    # It looks like a credential, and is refused as such before it is known.
    stopped = until(own, f"see {canary}", lambda answer: "canaries-stop-everything" in answer.text)
    assert stopped.status_code == 403
    assert canary not in stopped.text + own.output
    shown = own.weighlock("ledger", "show", "--limit", "10", "--json").stdout
    assert '"CANARY"' in shown
    assert "canary-wiki" in shown
    assert canary.encode() not in b"".join(path.read_bytes() for path in own.state.rglob("*") if path.is_file())

    tell(own, "fingerprint", "remove", "acme-billing")
    until(own, PASTED, lambda answer: not refused(answer))


def test_records_are_masked_in_both_directions(own: Gateway, host: ModelHost, tmp_path: Path) -> None:
    """The model host answers with `it expires next year`, which is told to be a record here."""
    table = tmp_path / "crm.csv"
    table.write_text("id,note\nQX-7734-B,expires next year\n")
    given = ["--column", "id", "--column", "note", "--entity", "CUSTOMER_ID", "--label", "crm"]
    tell(own, "records", "add", table, *given)

    asked = "Please leak a card of qx7734b"
    answer = until(own, asked, lambda answer: "next year" not in answer.text)
    assert answer.status_code == 200
    seen = len(host.received)
    assert ask(own, asked).status_code == 200
    assert b"of <CUSTOMER_ID_" in host.received[seen:]
    assert b"7734" not in host.received[seen:]


def test_a_damaged_index_refuses_everything_and_stops_the_start(own: Gateway) -> None:
    tell(own, "canary", "new")
    (index,) = (own.state / "material").glob("*.idx")
    index.write_bytes(index.read_bytes()[:-1])

    answer = until(own, "hello", refused)
    assert (answer.status_code, answer.json()["error"]["code"]) == (503, "material-unreadable")

    own.stop()
    own.start()
    assert own.exit_code() == 78
    assert "canary-default.idx: damaged" in own.output

    assert json.loads(tell(own, "fingerprint", "list", "--json")) == []
    assert tell(own, "canary", "remove", "default") == "removed default"
