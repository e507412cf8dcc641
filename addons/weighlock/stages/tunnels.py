"""Where traffic may go, and that it is HTTP that everybody reads the same way."""

from __future__ import annotations

import ipaddress
import re

from mitmproxy import http

from weighlock.destination import RESERVED, Destination
from weighlock.errors import Forbidden, Malformed, TooLarge, Unsupported
from weighlock.model import Exchange
from weighlock.stages.stage import Stage, Tunnel

_NAME = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,128}")
_VALUE = re.compile(rb"[\t\x20-\x7e]*")
_LISTED = "Ask for it in rules/destinations.yaml, or set NO_PROXY for a host that is no model host."


class Tunnels(Stage):
    fills = "destination"
    kind = Destination
    at = "requestheaders"

    def connect(self, flow: http.HTTPFlow) -> Tunnel:
        """The tunnel that a CONNECT opens, or Forbidden."""
        request = flow.request
        asked = request.host.lower(), request.port
        if asked == (RESERVED.host, RESERVED.port):
            return Tunnel(RESERVED, None)
        destination = self.parts.rulebook.current.destinations.get(asked)
        if destination is None:
            raise Forbidden("destination-unlisted", "This host is not a listed destination.", next_step=_LISTED)
        return Tunnel(destination, request.headers.get("proxy-authorization"))

    async def fill(self, exchange: Exchange, flow: http.HTTPFlow) -> Destination:
        if flow.is_replay:
            raise Forbidden("replayed", "A replayed flow is not a request of any pipeline.")
        tunnel = self.parts.tunnels.get(flow.client_conn.id)
        if tunnel is None:
            raise Forbidden(
                "tunnel-required",
                "Requests are taken inside a CONNECT tunnel only.",
                next_step="Set HTTPS_PROXY, and use an https URL.",
            )
        listed = exchange.rules.destinations.get((tunnel.destination.host, tunnel.destination.port))
        destination: Destination | None = RESERVED if tunnel.destination is RESERVED else listed
        if destination is None:
            raise Forbidden("destination-unlisted", "This host is no longer listed.", next_step=_LISTED)
        _one_destination(flow, destination)
        self._bounded(flow.request)
        _readable(flow)
        return destination

    def _bounded(self, request: http.Request) -> None:
        fields = request.headers.fields
        if len(fields) > self.parts.settings.header_count:
            raise TooLarge("headers-too-many", f"More than {self.parts.settings.header_count} header fields.")
        if sum(len(name) + len(value) for name, value in fields) > self.parts.settings.header_limit:
            raise TooLarge("headers-too-large", f"Header fields of over {self.parts.settings.header_limit} bytes.")


def _one_destination(flow: http.HTTPFlow, destination: Destination) -> None:
    """CONNECT, request target, SNI and Host must name one and the same destination, over TLS."""
    request, client = flow.request, flow.client_conn
    mismatch = Forbidden("destination-mismatch", "Tunnel, TLS server name, Host and request do not name one host.")
    if request.scheme != "https" or not client.tls_established:
        raise Forbidden("tls-required", "Only TLS traffic is taken.", next_step="Use an https URL.")
    if (request.host.lower(), request.port) != (destination.host, destination.port):
        raise mismatch
    named = client.sni is not None or not _is_address(destination.host)  # TLS sends no name for an address
    if named and (client.sni or "").lower() != destination.host:
        raise mismatch
    hosts = request.headers.get_all("host")
    names = [*hosts, request.authority] if request.is_http2 else hosts
    if len(hosts) > 1 or not any(names):
        raise mismatch
    if any(name and not _names(name, destination) for name in names):
        raise mismatch
    if not request.is_http2 and request.authority:
        raise Malformed("target-form", "The request target must be a path.")


def _names(authority: str, destination: Destination) -> bool:
    host = f"[{destination.host}]" if ":" in destination.host else destination.host
    default = {host} if destination.port == 443 else set()
    return authority.lower() in {f"{host}:{destination.port}"} | default


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True


def _readable(flow: http.HTTPFlow) -> None:
    """Nothing in the head that two parsers could read in two ways (RFC 9112 sections 5 and 6)."""
    request = flow.request
    if request.is_http2 != (flow.client_conn.alpn == b"h2"):
        raise Malformed("version-mismatch", "The HTTP version is not the one negotiated.")
    path = request.data.path
    if not re.fullmatch(rb"/[\x21-\x7e]*", path) or b"#" in path:
        raise Malformed("target-form", "The request target must be a path of printable ASCII.")
    if not re.fullmatch(rb"[A-Z]{1,16}", request.data.method):
        raise Malformed("method", "The method is not an upper-case word.")
    for name, value in request.headers.fields:
        if not _NAME.fullmatch(name) or not _VALUE.fullmatch(value):
            raise Malformed("header-characters", "A header field has characters that HTTP does not allow.")
    if request.headers.get_all("transfer-encoding") not in ([], ["chunked"]):
        raise Unsupported("transfer-coding", "No transfer coding but `chunked` is read.")
    connection = request.headers.get("connection", "").lower()
    asked = request.headers.get_all("upgrade")
    websocket = (
        request.method == "GET" and [word.lower() for word in asked] == ["websocket"] and "upgrade" in connection
    )
    if ((asked or "upgrade" in connection) and not websocket) or "http2-settings" in request.headers:
        raise Unsupported(
            "upgrade", "No protocol upgrade but a WebSocket's is inspected here.", next_step="Use HTTP requests."
        )
    if "trailer" in request.headers:
        raise Unsupported("trailers", "Trailers are not inspected.")
