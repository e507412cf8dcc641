from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

import mitmproxy.tools.dump
import pytest
from mitmproxy import ctx, hooks, options
from mitmproxy.proxy import mode_servers
from mitmproxy.test import tflow

from weighlock.stages import belt
from weighlock.stages.chain import Chain

KINDS = (belt.GATED, belt.OBSERVED, belt.LIFECYCLE, belt.REFUSED)


@pytest.fixture
def master(monkeypatch: pytest.MonkeyPatch) -> Any:
    """mitmdump's own master, so that every addon that declares a hook is imported."""
    monkeypatch.setattr(
        mode_servers.ProxyConnectionHandler, "handle_hook", mode_servers.ProxyConnectionHandler.handle_hook
    )
    loop = asyncio.new_event_loop()
    master = mitmproxy.tools.dump.DumpMaster(options.Options(), loop=loop, with_termlog=False, with_dumper=False)
    ctx.master, ctx.options = master, master.options  # type: ignore[assignment]
    yield master
    loop.close()


def test_every_hook_of_mitmproxy_is_judged_observed_or_refused(master: Any) -> None:
    known = [name for kind in KINDS for name in kind]

    assert len(known) == len(set(known))
    assert set(hooks.all_hooks) == set(known)


def test_the_chain_decides_every_gated_hook() -> None:
    decided_by_cleared = {"tls_clienthello", "next_layer", "client_connected", "websocket_start"}

    assert {hook for hook in belt.GATED if not hasattr(Chain, hook)} == decided_by_cleared


class GateStub:
    def __init__(self, clears: bool = True, refuses: bool = False) -> None:
        self.clears, self.refuses, self.failures = clears, refuses, 0

    def cleared(self, hook: str, data: Any) -> bool:
        return self.clears

    def failed(self, hook: str, data: Any) -> bool:
        self.failures += 1
        return self.refuses


class Handler:
    """What the strict dispatch needs of a connection: sockets that can be aborted."""

    def __init__(self) -> None:
        self.aborted = False
        self.timeout_watchdog = SimpleNamespace(disarm=lambda: _Nothing())
        transport = SimpleNamespace(abort=self._abort)
        self.transports = {"client": SimpleNamespace(writer=SimpleNamespace(transport=transport), handler=None)}

    def _abort(self) -> None:
        self.aborted = True


class _Nothing:
    def __enter__(self) -> None: ...

    def __exit__(self, *_: object) -> None: ...


class Addon:
    def __init__(self, hook: str, action: Any) -> None:
        setattr(self, hook, action)


async def _run(master: Any, gate: GateStub, hook: str, *addons: Addon) -> tuple[bool, Handler]:
    """Whether the hook completed, and the connection."""
    master.addons.chain = list(addons)
    belt.install(gate)
    handler = Handler()
    event = hooks.all_hooks[hook](tflow.tflow())
    try:
        await mode_servers.ProxyConnectionHandler.handle_hook(handler, event)  # type: ignore[arg-type]
    except asyncio.CancelledError:
        return False, handler
    return True, handler


def _raise(error: type[BaseException]) -> Any:
    def action(_: Any) -> None:
        raise error

    return action


@pytest.mark.parametrize("hook", sorted(belt.GATED - {"next_layer"} | belt.OBSERVED))
@pytest.mark.parametrize("error", [RuntimeError, MemoryError, RecursionError, mitmproxy.exceptions.AddonHalt])
async def test_an_exception_in_any_addon_leaves_the_hook_incomplete(master: Any, hook: str, error: type) -> None:
    completed, handler = await _run(master, GateStub(), hook, Addon(hook, _raise(error)))

    assert not completed
    assert handler.aborted


@pytest.mark.parametrize("hook", sorted(belt.REFUSED))
async def test_traffic_that_cannot_be_inspected_is_aborted(master: Any, hook: str) -> None:
    completed, handler = await _run(master, GateStub(), hook)

    assert not completed
    assert handler.aborted


async def test_a_hook_that_the_gate_did_not_clear_does_not_complete(master: Any) -> None:
    completed, handler = await _run(master, GateStub(clears=False), "request")

    assert not completed
    assert handler.aborted


async def test_a_refusal_in_place_of_the_flow_lets_the_hook_complete(master: Any) -> None:
    gate = GateStub(clears=False, refuses=True)
    completed, handler = await _run(master, gate, "request")

    assert completed
    assert not handler.aborted
    assert gate.failures == 1


async def test_an_async_addon_is_awaited_before_the_gate_is_asked(master: Any) -> None:
    order: list[str] = []

    async def request(_: Any) -> None:
        await asyncio.sleep(0)
        order.append("addon")

    class Gate(GateStub):
        def cleared(self, hook: str, data: Any) -> bool:
            order.append("gate")
            return True

    completed, _ = await _run(master, Gate(), "request", Addon("request", request))

    assert completed
    assert order == ["addon", "gate"]
