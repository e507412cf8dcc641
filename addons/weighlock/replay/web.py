"""Recorded flows in mitmweb, in this very process: no byte of them is written, and nothing goes out to a network."""

from __future__ import annotations

import asyncio
import signal
from collections.abc import Callable, Sequence

from mitmproxy import contentviews, http, options
from mitmproxy.tools.web.master import WebMaster

from weighlock.errors import ConfigError
from weighlock.replay.view import Weighlock

HOST = "127.0.0.1"
_LEFT_OUT = (
    "clientplayback",  # sends a flow's request again
    "proxyserver",  # the page may switch it on
    "scriptloader",
    "tlsconfig",  # makes an authority in confdir
    "commandhistory",  # writes what is typed into confdir
    "dnsresolver",
    "onboarding",
)
"""Addons of mitmweb that reach the network, or write."""


def show(flows: Sequence[http.HTTPFlow], port: int, opened: Callable[[str], None]) -> None:
    """Until it is interrupted. *opened* is told the address, with the token that lets one in."""
    asyncio.run(_show(flows, port, opened))


async def _show(flows: Sequence[http.HTTPFlow], port: int, opened: Callable[[str], None]) -> None:
    config = options.Options()
    master = WebMaster(config, with_termlog=False)
    _leave_out(master)
    config.update(
        server=False,
        web_host=HOST,
        web_port=port,
        web_open_browser=False,
        web_columns=["icon", "method", "path", "status", "time", "comment"],
    )
    contentviews.add(Weighlock())
    master.view.add(flows)
    master.addons.add(_Told(lambda: opened(master.web_url)))
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, master.shutdown)
    try:
        await master.run()
    except OSError as error:
        raise ConfigError(f"cannot be listened on: {error.strerror}", f"{HOST}:{port}") from None


def _leave_out(master: WebMaster) -> None:
    """mitmproxy's own way would have them done with, some of them asynchronously; they never began here."""
    for name in _LEFT_OUT:
        addon = master.addons.lookup.pop(name)
        master.addons.chain.remove(addon)
        for path, command in list(master.commands.commands.items()):
            if getattr(command.func, "__self__", None) is addon:
                del master.commands.commands[path]


class _Told:
    def __init__(self, tell: Callable[[], None]) -> None:
        self.running = tell
