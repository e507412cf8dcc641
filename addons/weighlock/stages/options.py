"""mitmproxy's options, closed: a short list may be set, the rest is pinned, and nothing changes while it runs.

A list of what is allowed, not of what is dangerous: an option of a newer mitmproxy is refused until it is known.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from mitmproxy.options import Options

from weighlock.errors import ConfigError
from weighlock.settings import PREFIX, Settings, knobs

ALLOWED = frozenset(
    """
    confdir listen_host listen_port scripts certs cert_passphrase key_size client_certs request_client_cert http2
    http2_ping_keepalive tcp_timeout tls_version_client_min tls_version_client_max tls_version_server_min
    tls_version_server_max
    """.split()
)
PINNED: Mapping[str, Any] = {
    "connection_strategy": "lazy",  # no upstream connection before a request is judged
    "flow_detail": 0,  # the dumper prints URLs and bodies
    "http3": False,
    "onboarding": False,
    "rawtcp": False,  # else what is not HTTP is relayed as it is
    "ssl_insecure": False,
    "stream_large_bodies": None,
    "upstream_cert": False,
    "validate_inbound_headers": True,
    "websocket": True,  # False relays an upgraded connection raw
}
KEY_LOGS = ("SSLKEYLOGFILE", "MITMPROXY_SSLKEYLOGFILE")


def values(options: Options) -> dict[str, str]:
    """The settings given as mitmproxy options, by knob."""
    return {name: getattr(options, PREFIX + name) or "" for name in knobs()}


def check(options: Options, environ: Mapping[str, str]) -> None:
    """Raise ConfigError for every way to ask mitmproxy for less protection than the gateway needs."""
    for variable in KEY_LOGS:
        if environ.get(variable):
            raise ConfigError("TLS session keys must not be logged here; unset it", variable)
    for name in ("config.yaml", "config.yml"):
        file = Path(options.confdir).expanduser() / name
        if file.exists():
            raise ConfigError("mitmproxy lets this file override --set; remove it, or set another confdir", str(file))
    if options.deferred:
        raise ConfigError("no such option", ", ".join(sorted(options.deferred)))
    for name in sorted(options.keys()):
        if name in ALLOWED or name.startswith(PREFIX) or not options.has_changed(name):
            continue
        if getattr(options, name) != PINNED.get(name, _UNSET):
            raise ConfigError("this option cannot be used with the gateway; leave it out", name)
    if len(options.scripts) != 1:
        raise ConfigError("no other script may share the gateway's process; leave it out", "scripts")


def pin(options: Options, settings: Settings) -> None:
    """Set what must be so. The size bound is mitmproxy's own too, so that a flood is not buffered."""
    options.update(
        **PINNED,
        body_size_limit=str(settings.body_limit),
        ssl_verify_upstream_trusted_ca=os.fspath(settings.upstream_ca) if settings.upstream_ca else None,
    )


_UNSET = object()
