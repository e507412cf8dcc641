"""mitmproxy's log, without what it quotes: its messages about a connection can hold bytes that a client sent."""

from __future__ import annotations

import io
import logging
import sys


class Withhold(logging.Filter):
    """Keeps the fact of a warning and where it comes from; drops its text, its traceback, and all chatter."""

    def filter(self, record: logging.LogRecord) -> bool:
        if record.levelno < logging.WARNING:
            return False
        kind = record.exc_info[0].__name__ if record.exc_info and record.exc_info[0] else record.levelname.lower()
        record.msg, record.args = f"connection {kind} (details withheld)", ()
        record.exc_info = record.exc_text = None
        return True


LOGGERS = (
    "mitmproxy.proxy.server",
    "mitmproxy.proxy.layers.http._http2",
    "mitmproxy.proxy.layers.http._http_h2",
    "mitmproxy.addons.next_layer",
    "mitmproxy.addonmanager",
    "hpack",
    "asyncio",
)


def install() -> None:
    """Withhold, and write each line as it comes: a log that is piped must not lag behind what happens."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(line_buffering=True)
    for name in LOGGERS:
        logging.getLogger(name).addFilter(Withhold())
