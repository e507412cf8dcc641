"""A recorded WebSocket is told again, the model host gone: the real openai SDK, the real gateway, and the record."""

from __future__ import annotations

import json
import ssl
from collections.abc import Iterator
from typing import Any

import openai
import pytest
from openai.resources.realtime.realtime import RealtimeConnection
from websockets.exceptions import ConnectionClosed

from clients import RULES_ALONE, recorded
from demo.gateway import Gateway
from demo.issuer import DemoIssuer
from realtimehost import RealtimeHost
from rehearsing import Rehearsal

type Told = tuple[list[dict[str, Any]], Gateway]

SAID = "Write to maria.lopez@example.com, please."


def connect(gateway: Gateway) -> Any:
    client = openai.OpenAI(base_url=gateway.url, api_key="weighlock")
    options: Any = {"ssl": ssl.create_default_context(cafile=str(gateway.ca)), "proxy": gateway.proxy(gateway.token())}
    return client.realtime.connect(model="demo", websocket_connection_options=options)


def say(connection: RealtimeConnection, text: str) -> None:
    content: Any = [{"type": "input_text", "text": text}]
    connection.conversation.item.create(item={"type": "message", "role": "user", "content": content})


def talk(gateway: Gateway, text: str = SAID) -> list[dict[str, Any]]:
    """All that is heard when that is said and an answer asked for."""
    with connect(gateway) as connection:
        say(connection, text)
        connection.response.create()
        return heard(connection)


def heard(connection: RealtimeConnection) -> list[dict[str, Any]]:
    events = []
    for event in connection:
        events.append(event.to_dict())
        if event.type == "response.done":
            return events
    raise ConnectionError(f"no end: {events}")


@pytest.fixture(scope="module")
def told(tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer) -> Iterator[Told]:
    """What was heard when it was recorded, and a rehearsal of it."""
    folder = tmp_path_factory.mktemp("told")
    host = RealtimeHost(folder / "host")
    live = Gateway(folder / "live", issuer, host, options=RULES_ALONE)
    with live:
        events = talk(live)
        recorded(live, "response")
    host.stop()
    with Rehearsal(folder / "rehearsal", live, issuer, host) as rehearsal:
        yield events, rehearsal


def shown(gateway: Gateway) -> Any:
    return json.loads(gateway.weighlock("ledger", "show", "--json", "--limit", "100").stdout)


def test_who_says_the_same_hears_the_same(told: Told) -> None:
    events, rehearsal = told
    assert "*1111" in json.dumps(events)
    for _ in range(2):
        again = talk(rehearsal)
        assert [event["type"] for event in again] == [event["type"] for event in events]
        for name in ("delta", "text"):
            assert [event.get(name) for event in again if "_text" in event["type"]] == [
                event.get(name) for event in events if "_text" in event["type"]
            ]
    kinds = [one["kind"] for one in shown(rehearsal)]
    assert kinds.count("message") == 4
    assert rehearsal.weighlock("ledger", "verify").returncode == 0


def test_who_says_something_else_hears_nothing_more(told: Told) -> None:
    with pytest.raises(ConnectionClosed) as caught:
        talk(told[1], "Something else.")
    assert caught.value.rcvd is not None
    assert caught.value.rcvd.code == 1008


def test_what_goes_on_where_the_record_ends_is_not_answered(told: Told) -> None:
    with connect(told[1]) as connection:
        say(connection, SAID)
        connection.response.create()
        heard(connection)
        say(connection, "And then?")
        with pytest.raises(ConnectionClosed):
            heard(connection)
