"""Nothing that was planted is found at rest: not in the ledger, its WAL, a temporary file, or the gateway's log."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from clients import ask, client, sdk
from demo.gateway import CREDENTIAL, Gateway
from planted import found, spellings

JSON = {"content-type": "application/json"}
PROMPT = "zanzibar-prompt-words"
PERSON = "ottoline.planted@example.com"
CARD = "4111 1111 1111 1111"
SECRET = "ghp_" + "Q7w8E9r0T1y2U3i4O5p6A7s8D9f0G1h2J3k4"
STATIC_KEY = "sk-proj-" + "Zx9Yw8Vu7Ts6Rq5Po4Nm3Lk2Ji1Hg0Fe" * 2


@pytest.fixture
def used(make: Callable[..., Gateway], tmp_path: Path) -> Iterator[tuple[Gateway, list[str]]]:
    """A gateway that has seen it all, and the tokens that it was shown; still running."""
    temporary = tmp_path / "tmp"
    temporary.mkdir()
    with make(env={"TMPDIR": str(temporary)}, options={"weighlock_hold_for": "20s"}) as gateway:
        token, approver = gateway.token(), gateway.approver()
        assert ask(gateway, f"{PROMPT} {PERSON} {CARD}", token).status_code == 200
        assert ask(gateway, f"{PROMPT} {SECRET}", token).status_code == 403
        assert ask(gateway, f"{PROMPT} bad token", token[:-9] + "AAAAAAAAA").status_code == 401
        with client(gateway, token) as http:
            key = {"authorization": f"Bearer {STATIC_KEY}"}
            assert http.post(f"{gateway.url}/chat/completions", json={PROMPT: 1}, headers=key).status_code == 401
            assert (
                http.post(f"{gateway.url}/chat/completions", content=f"{{{PROMPT}".encode(), headers=JSON).status_code
                == 400
            )
            assert http.get(f"{gateway.url}/{PROMPT}?q={PERSON}").status_code == 403
        with sdk(gateway, token) as openai:
            stream = openai.chat.completions.create(
                model="demo", messages=[{"role": "user", "content": f"{PROMPT} leak a card"}], stream=True
            )
            assert CARD not in "".join(chunk.choices[0].delta.content or "" for chunk in stream)
        bulk = " ".join(f"bulk{n}.{PERSON}" for n in range(12))
        held = threading.Thread(target=ask, args=[gateway, f"{PROMPT} {bulk}", token])
        held.start()
        environment = {"WEIGHLOCK_TOKEN": approver}
        while not (listed := json.loads(gateway.weighlock("approvals", "list", "--json", env=environment).stdout)):
            assert held.is_alive()
        shown = gateway.weighlock("approvals", "show", listed[0]["id"], env=environment).stdout
        assert "<EMAIL_ADDRESS>" in shown
        assert PERSON not in shown
        denial = ["approvals", "deny", listed[0]["id"], "--reason", "no"]
        assert gateway.weighlock(*denial, env=environment).returncode == 0
        held.join()
        yield gateway, [token, approver]


def planted(tokens: list[str]) -> list[str]:
    own = [PROMPT, PERSON, CARD, CARD.replace(" ", ""), SECRET, STATIC_KEY, CREDENTIAL]
    return [*own, *tokens, *(token.rpartition(".")[2] for token in tokens)]


def test_nothing_planted_lies_anywhere(used: tuple[Gateway, list[str]], tmp_path: Path) -> None:
    gateway, tokens = used
    names = {path.name for path in gateway.state.iterdir()}

    assert {"ledger.db", "ledger.db-wal", "control.db"} <= names
    assert found(gateway.folder, planted(tokens)) == []
    assert found(tmp_path / "tmp", planted(tokens)) == []
    assert gateway.stop() == 0
    assert found(gateway.folder, planted(tokens)) == []
    for text in planted(tokens):
        assert text not in gateway.output


def test_the_search_would_find_what_lies_there(tmp_path: Path) -> None:
    for number, spelling in enumerate(spellings(PERSON)):
        (tmp_path / "file").write_bytes(b"\1\2\3" + spelling + b"\4")
        assert found(tmp_path, [PERSON]), number


def test_the_auditors_key_opens_what_was_recorded(used: tuple[Gateway, list[str]]) -> None:
    gateway, _ = used
    flows = gateway.folder / "client.mitm"

    done = gateway.weighlock("replay", "export", "--view", "client", "--output", str(flows))

    assert done.returncode == 0
    assert PERSON.encode() in flows.read_bytes()
    assert STATIC_KEY.encode() not in flows.read_bytes()
    (gateway.state / "auditor.key").rename(gateway.folder / "moved")
    assert gateway.weighlock("replay", "export", "--output", str(flows)).returncode != 0
