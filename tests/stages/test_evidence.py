from __future__ import annotations

import asyncio
import base64
import logging
from types import SimpleNamespace
from typing import Any

import pytest
from mitmproxy.test import tflow

from builders import a_destination, a_principal
from weighlock.destination import RESERVED, Destination
from weighlock.errors import Forbidden, Refused, Unidentified
from weighlock.identity.statickeys import StaticKeyPresented, fingerprint
from weighlock.model import Exchange, Principal
from weighlock.stages import evidence
from weighlock.stages.passage import Passage

JWT = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2kifQ.c2lnbmF0dXJl"
OTHER = "eyJhbGciOiJSUzI1NiJ9.eyJpc3MiOiJodHRwczovL2oifQ.c2lnbmF0dXJl"
KEY = "sk-proj-" + "9f8E7d6C5b4A" * 4
SECRET = b"f" * 32
HEADERS = {"authorization": f"Bearer {KEY}", "x-api-key": JWT}


def a_passage(
    headers: dict[str, str],
    path: str = "/v1/models",
    body: bytes = b"",
    refused: Refused | None = None,
    destination: Destination | None = None,
) -> Passage:
    flow = tflow.tflow()
    flow.request.path, flow.request.raw_content = path, body
    flow.request.headers.clear()
    flow.request.headers.update(headers)
    rules = SimpleNamespace(identity=SimpleNamespace(is_opaque=lambda _: False))
    exchange = Exchange(id="e", started_at=0.0, peer="", rules=rules, destination=destination or a_destination())
    return Passage(exchange, flow, refused=refused or Unidentified("static-key", "A key."))


async def gathered(passage: Passage, who: Any = None, tunnel: str | None = None) -> Any:
    """*who* is what the identifier makes of a token."""

    async def identify(token: Any, rules: Any) -> Principal:
        assert token.value in (JWT, OTHER)
        if isinstance(who, Exception):
            raise who
        if who is None:
            await asyncio.Event().wait()
        return who  # type: ignore[no-any-return]

    tunnels = {passage.flow.client_conn.id: SimpleNamespace(authorization=tunnel)} if tunnel else {}
    parts: Any = SimpleNamespace(
        identifier=SimpleNamespace(identify=identify),
        keys=SimpleNamespace(fingerprint=SECRET),
        tunnels=tunnels,
    )
    return await evidence.gather(parts, passage)


async def test_a_request_without_a_key_is_no_evidence() -> None:
    assert await gathered(a_passage({"x-api-key": JWT, "x-trace-id": "0" * 32})) is None


async def test_a_key_has_a_fingerprint_a_place_and_the_job_whose_token_came_with_it() -> None:
    found = await gathered(a_passage(HEADERS), a_principal(workload="nightly"))

    assert found.keys == (("authorization", fingerprint(KEY, SECRET)),)
    assert found.principal.workload == "nightly"


async def test_the_proxys_credentials_count_too() -> None:
    basic = "Basic " + base64.b64encode(f"oidc:{JWT}".encode()).decode()

    found = await gathered(a_passage({"authorization": KEY}), a_principal(), basic)

    assert found.principal == a_principal()


@pytest.mark.parametrize("error", [Forbidden("cut-off", "Cut off."), Unidentified("token-expired", "Expired.")])
async def test_a_token_that_is_not_good_names_nobody(error: Refused) -> None:
    assert (await gathered(a_passage(HEADERS), error)).principal is None


async def test_two_tokens_name_nobody() -> None:
    assert (await gathered(a_passage(HEADERS | {"api-key": OTHER}), a_principal())).principal is None


async def test_a_check_that_takes_too_long_or_fails_names_nobody_and_the_key_is_evidence(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(evidence, "_PATIENCE", 0.01)

    assert (await gathered(a_passage(HEADERS))).principal is None
    with caplog.at_level(logging.ERROR, "weighlock"):
        assert (await gathered(a_passage(HEADERS), OSError(KEY))).principal is None
    assert "OSError" in caplog.text
    assert KEY not in caplog.text


@pytest.mark.parametrize(
    ("announced", "size"), [("123", 123), ("", None), ("-1", None), ("1" * 16, None), ("12, 12", None), ("٣", None)]
)
async def test_the_size_is_what_was_announced(announced: str, size: int | None) -> None:
    headers = HEADERS | ({"content-length": announced} if announced else {})

    assert (await gathered(a_passage(headers), a_principal())).size == size


async def test_the_size_is_what_was_sent_where_that_was_read() -> None:
    found = await gathered(a_passage({}, "/oauth/token", b"client_secret=hunter2"))

    assert (found.size, found.keys[0][0]) == (21, "body")


async def test_the_body_of_the_gateways_own_endpoint_is_left_alone() -> None:
    assert await gathered(a_passage({}, "/token", b"client_secret=hunter2", destination=RESERVED)) is None


async def test_what_was_refused_as_a_key_is_one() -> None:
    found = await gathered(a_passage({}, refused=StaticKeyPresented("hunter2", "subject_token")))

    assert found.keys == (("subject_token", fingerprint("hunter2", SECRET)),)
