"""mitmproxy's hook dispatch, made strict.

Stock mitmproxy logs an exception in a hook and forwards the flow. Here no hook of a live connection completes
unless every addon returned from it and the gate cleared what is about to happen. A hook that this file does not
know is refused, so that a newer mitmproxy cannot bring an unguarded way in.
"""

from __future__ import annotations

import asyncio
import inspect
import logging
from typing import Any, NoReturn, Protocol

from mitmproxy import ctx, flow
from mitmproxy.proxy import commands, mode_servers, server

log = logging.getLogger("weighlock")

GATED = frozenset(
    """
    http_connect requestheaders request responseheaders response error client_connected client_disconnected
    server_connect tls_clienthello next_layer websocket_start websocket_message websocket_end
    """.split()
)
"""Decided by the gate."""
OBSERVED = frozenset(
    """
    http_connected http_connect_error server_connected server_connect_error server_disconnected tls_start_client
    tls_start_server tls_established_client tls_established_server tls_failed_client tls_failed_server tcp_end
    tcp_error udp_end udp_error dns_error
    """.split()
)
"""Nothing can pass in these: they set up TLS for a connection that was decided already, or tell of an end."""
LIFECYCLE = frozenset("load configure running done update add_log".split())
"""Not of a connection."""
REFUSED = frozenset(
    """
    tcp_start tcp_message udp_start udp_message dns_request dns_response socks5_auth quic_start_client
    quic_start_server http_connect_upstream
    """.split()
)
"""Traffic that no stage can inspect: the connection is aborted."""


class Gate(Protocol):
    """What the belt asks after every addon has had a hook."""

    def cleared(self, hook: str, data: Any) -> bool: ...

    def failed(self, hook: str, data: Any) -> bool:
        """Turn *data* into a refusal where the hook allows it; False asks for the connection to be aborted."""


class HookFailed(Exception):
    """A hook that may not complete."""


def install(gate: Gate) -> None:
    """Put *gate* between every live connection and its hooks. For the life of the process."""
    cache: dict[str, list[Any]] = {}
    cached_for: list[Any] = []

    def functions(hook: commands.StartHook) -> list[Any]:
        chain = ctx.master.addons.chain
        if cached_for != chain:
            cache.clear()
            cached_for[:] = chain
        if hook.name not in cache:
            cache[hook.name] = [
                function for addon in chain for _, function in ctx.master.addons._iter_hooks(addon, hook)
            ]
        return cache[hook.name]

    async def strict(hook: commands.StartHook, data: Any) -> None:
        if hook.name not in GATED | OBSERVED:
            raise HookFailed("a kind of traffic that cannot be inspected")
        for function in functions(hook):
            result = function(data)
            if inspect.isawaitable(result):
                await result
        if not gate.cleared(hook.name, data):
            raise HookFailed("not cleared")

    async def handle_hook(self: mode_servers.ProxyConnectionHandler, hook: commands.StartHook) -> None:
        with self.timeout_watchdog.disarm():
            (data,) = hook.args()
            try:
                await strict(hook, data)
            except Exception as error:
                # No text of the error: it may quote what was sent.
                log.error("hook %s refused: %s", hook.name, type(error).__name__)
                if not gate.failed(hook.name, data):
                    abort(self)
            if isinstance(data, flow.Flow) and data.intercepted:
                abort(self)

    mode_servers.ProxyConnectionHandler.handle_hook = handle_hook  # type: ignore[method-assign]


def abort(handler: server.ConnectionHandler) -> NoReturn:
    """Cut every socket of the connection, unsent bytes included, and leave the hook for ever incomplete."""
    for transport in list(handler.transports.values()):
        if transport.writer is not None and hasattr(transport.writer, "transport"):
            transport.writer.transport.abort()
        if transport.handler is not None:
            transport.handler.cancel("refused")
    raise asyncio.CancelledError
