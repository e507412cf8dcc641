from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from builders import a_finding, a_principal
from ledgers import a_verdict
from weighlock.adapters.stores.vault import VaultStore
from weighlock.adapters.vaults import Vaults, scope_of, session_of
from weighlock.errors import Unavailable
from weighlock.masking.vault import Kept, without_place
from weighlock.model import Action

KEY = b"k" * 32
MARIA = Kept("<PERSON_ab12cd34>", "Maria Lopez", without_place(a_finding("PERSON", tags=frozenset({"pii"}))))


def at_rest(folder: Path) -> bytes:
    return b"".join(path.read_bytes() for path in folder.iterdir())


def store(folder: Path, key: bytes = KEY) -> VaultStore:
    return VaultStore.open(folder, key)


def test_a_session_is_one_whatever_token_it_shows() -> None:
    opened = a_principal(session="s1", token_id="t1")

    assert session_of(opened) == session_of(a_principal(session="s1", token_id="t2"))
    assert session_of(a_principal(session="", token_id="t1")) == "t1"


async def test_in_memory_a_vault_lives_for_its_session() -> None:
    now = [0.0]
    vaults = Vaults(None, lambda: now[0])
    principal = a_principal(expires_at=10.0)
    (await vaults.of(principal)).keep(MARIA)

    await vaults.sweep(lambda _: True)
    assert list(await vaults.of(principal)) == [MARIA]
    assert not await vaults.of(a_principal(session="other"))
    now[0] = 10.0
    await vaults.sweep(lambda _: True)
    assert not await vaults.of(principal)


async def test_a_cut_off_wipes_it() -> None:
    vaults = Vaults(None, lambda: 0.0)
    principal = a_principal(expires_at=10.0)
    (await vaults.of(principal)).keep(MARIA)

    await vaults.sweep(lambda asked: asked != principal)

    assert not await vaults.of(principal)


async def test_sealed_it_outlives_the_process_and_shows_nothing(tmp_path: Path) -> None:
    principal = a_principal(expires_at=10.0)
    first = Vaults(store(tmp_path), lambda: 0.0)
    (await first.of(principal)).keep(MARIA)
    await first.save(principal, [MARIA])

    assert list(await Vaults(store(tmp_path), lambda: 0.0).of(principal)) == [MARIA]
    assert not await Vaults(store(tmp_path, b"x" * 32), lambda: 0.0).of(principal)
    assert not await Vaults(store(tmp_path), lambda: 0.0).of(a_principal(session="other"))
    assert b"Maria" not in at_rest(tmp_path)


async def test_sealed_it_is_wiped_at_its_end(tmp_path: Path) -> None:
    now = [0.0]
    principal = a_principal(expires_at=10.0)
    vaults = Vaults(store(tmp_path), lambda: now[0])
    await vaults.save(principal, [MARIA])
    now[0] = 10.0
    await vaults.sweep(lambda _: True)

    assert store(tmp_path).load(session_of(principal)) == []


async def test_a_store_that_fails_refuses(tmp_path: Path) -> None:
    broken = store(tmp_path)
    vaults = Vaults(broken, lambda: 0.0)
    broken.close()

    with pytest.raises(Unavailable, match="vault-unusable"):
        await vaults.save(a_principal(), [MARIA])
    with pytest.raises(Unavailable, match="vault-unusable"):
        await vaults.of(a_principal())


def test_pseudonyms_are_of_a_session_and_of_a_workload_where_they_are_held() -> None:
    one, other = a_principal(token_id="1" * 64), a_principal(token_id="2" * 64)
    held, passed = a_verdict(action=Action.HOLD), a_verdict(action=Action.MASK)

    assert scope_of(one, passed) != scope_of(other, passed)
    assert scope_of(one, held) == scope_of(other, held)
    assert scope_of(one, held) != scope_of(replace(one, workload="weekly"), held)
