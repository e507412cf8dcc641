"""The ledger's clear part in Datasette, with the metadata that we ship."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from builders import a_finding
from ledgers import an_exchange, ledger_file
from weighlock.adapters.stores.ledgerfile import NAME
from weighlock.errors import Unidentified
from weighlock.ledger import entry
from weighlock.ledger.entry import Kind

app = pytest.importorskip("datasette.app", reason="datasette is not installed")
SETTINGS = {"allow_download": False}
"""As the README has it: no metadata can say so."""
METADATA = json.loads((Path(__file__).parents[2] / "examples" / "datasette" / "metadata.json").read_text())


@pytest.fixture
def datasette(tmp_path: Path) -> Any:
    refused = an_exchange(id="e2", destination=None, principal=None, call=None, findings=None, verdict=None)
    ledger_file(
        tmp_path,
        [
            (Kind.REQUEST, entry.request_body(an_exchange(findings=(a_finding(),))), {"request.sent": b"text"}),
            (Kind.REFUSAL, entry.refusal_body(refused, Unidentified("token-expired", "Expired.")), {}),
            (Kind.ERASURE, {"event": "erased", "message": "payloads", "reason": "asked", "by": "robin"}, {}),
        ],
    )
    return app.Datasette([], immutables=[str(tmp_path / NAME)], metadata=METADATA, settings=SETTINGS)


async def rows(datasette: Any, path: str) -> list[dict[str, Any]]:
    answer = await datasette.client.get(f"/ledger/{path}")
    assert answer.status_code == 200, answer.text
    return list(answer.json())


async def test_the_questions_that_we_ship_are_answered(datasette: Any) -> None:
    assert {name: len(await rows(datasette, f"{name}.json?_shape=array&workload=")) for name in QUERIES} == QUERIES


QUERIES = {"exchanges": 2, "findings": 1, "refusals": 1, "approvals": 0, "erasures": 1}


def test_each_question_is_tried() -> None:
    assert METADATA["databases"]["ledger"]["queries"].keys() == QUERIES.keys()


async def test_a_workload_is_asked_for(datasette: Any) -> None:
    (found,) = await rows(datasette, "exchanges.json?_shape=array&workload=nightly")

    assert found["entities"] == '{"EMAIL_ADDRESS":1}'


@pytest.mark.parametrize(
    "path", ["payloads.json", "payload_keys.json", "payloads/0,request.sent.json", "?sql=select+1", ".db"]
)
async def test_what_is_sealed_is_not_shown(datasette: Any, path: str) -> None:
    assert (await datasette.client.get(f"/ledger{'' if path[0] in '?.' else '/'}{path}")).status_code == 403
