"""Where a SIEM takes events from: a file, syslog or HTTP. A sink returns when they were taken, if that can be known."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import urllib.error
import urllib.request
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

from weighlock.errors import ConfigError

TIMEOUT = 10.0
DATAGRAM = 65_000
"""Bytes of a message by UDP."""
LOOPBACK = frozenset({"127.0.0.1", "::1", "localhost"})
AUDIT = 13
"""Syslog's facility for logs of audit."""


@dataclass(frozen=True, slots=True)
class Line:
    time: str
    kind: str
    severity: int
    """Syslog's: 6 informational, 5 notice, 4 warning."""
    text: str
    """One line of JSON."""


Send = Callable[[Sequence[Line]], None]
"""Delivers lines in their order. OSError where that failed: some may have arrived, so all are sent again."""


def sink(to: str, token: str = "", ca: str = "", certificate: str = "") -> Send:
    """That of the address *to*; ConfigError for one that is none. *token* is shown to HTTP as a bearer token. *ca* is a
    PEM file of authorities that takes the place of the system's, *certificate* one of our own, with its key.
    """
    parts = urlsplit(to)
    if (ca or certificate) and parts.scheme not in ("https", "syslog+tls"):
        raise ConfigError("authorities and certificates are for https:// and syslog+tls://", to)
    if parts.scheme == "file" or "://" not in to:
        path = Path(parts.path if parts.scheme == "file" else to)
        return lambda lines: _append(path, lines)
    if parts.scheme in ("https", "http") and parts.hostname:
        if parts.scheme == "http" and token:
            raise ConfigError("a token goes by https only", to)
        if parts.scheme == "http" and parts.hostname not in LOOPBACK:
            raise ConfigError("https only, but on loopback: others could read and change events on their way", to)
        opener = _opener(_context(ca, certificate))
        return lambda lines: _post(opener, to, token, lines)
    try:
        host, port = parts.hostname, parts.port
    except ValueError:
        host, port = None, None
    if host and parts.scheme in ("syslog+udp", "syslog+tcp", "syslog+tls"):
        if parts.scheme == "syslog+udp":
            return lambda lines: _datagrams(host, port or 514, lines)
        tls = _context(ca, certificate) if parts.scheme == "syslog+tls" else None
        return lambda lines: _stream(host, port or (6514 if tls else 601), tls, lines)
    raise ConfigError("a path, https://, syslog+udp://, syslog+tcp:// or syslog+tls://", to)


def _append(path: Path, lines: Sequence[Line]) -> None:
    handle = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW, 0o600)
    with os.fdopen(handle, "ab") as out:
        out.write("".join(f"{line.text}\n" for line in lines).encode())
        out.flush()
        os.fsync(out.fileno())


def _context(ca: str, certificate: str) -> ssl.SSLContext:
    try:
        context = ssl.create_default_context(cafile=ca or None)
        if certificate:
            context.load_cert_chain(certificate)
    except OSError:
        raise ConfigError("no certificates, or no key with them, can be read there", certificate or ca) from None
    return context


def _post(opener: urllib.request.OpenerDirector, url: str, token: str, lines: Sequence[Line]) -> None:
    headers = {"Content-Type": "application/x-ndjson"} | ({"Authorization": f"Bearer {token}"} if token else {})
    body = "".join(f"{line.text}\n" for line in lines).encode()
    request = urllib.request.Request(url, body, headers, method="POST")  # noqa: S310 only http and https come here
    try:
        with opener.open(request, timeout=TIMEOUT) as answer:
            if not 200 <= answer.status < 300:
                raise OSError(f"answered {answer.status}")
    except urllib.error.HTTPError as error:
        error.close()
        raise OSError(f"answered {error.code}") from None


class _NoRedirect(urllib.request.HTTPRedirectHandler):
    def redirect_request(self, *_: object) -> None:
        """Events and the token go where they were sent to, and nowhere else."""


def _opener(context: ssl.SSLContext) -> urllib.request.OpenerDirector:
    """Straight, past every proxy: the environment of a gateway's host may name the gateway."""
    return urllib.request.build_opener(
        _NoRedirect, urllib.request.ProxyHandler({}), urllib.request.HTTPSHandler(context=context)
    )


def syslog(line: Line, host: str) -> bytes:
    """As RFC 5424 has it: the text in UTF-8, hence its mark."""
    head = f"<{AUDIT * 8 + line.severity}>1 {line.time} {host} weighlock {os.getpid()} {line.kind} - "
    return head.encode() + b"\xef\xbb\xbf" + line.text.encode()


def _here() -> str:
    return socket.gethostname().encode("ascii", "replace").decode()[:255] or "-"


def _datagrams(host: str, port: int, lines: Sequence[Line]) -> None:
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_DGRAM)[0]
    with socket.socket(family, kind, protocol) as out:
        for line in lines:
            message = syslog(line, _here())
            if len(message) > DATAGRAM:
                raise ConfigError("an event is too long for UDP; use syslog+tcp or syslog+tls", f"{host}:{port}")
            out.sendto(message, address)


def _stream(host: str, port: int, tls: ssl.SSLContext | None, lines: Sequence[Line]) -> None:
    """Framed by octet counting (RFC 6587, RFC 5425)."""
    plain = socket.create_connection((host, port), timeout=TIMEOUT)
    with plain, tls.wrap_socket(plain, server_hostname=host) if tls else plain as out:
        for line in lines:
            message = syslog(line, _here())
            out.sendall(f"{len(message)} ".encode() + message)
        if isinstance(out, ssl.SSLSocket):
            with contextlib.suppress(ssl.SSLEOFError):  # some close without a word, once they have read all
                out.unwrap()  # what says that this is all, and waits for the other side's own
            return
        out.shutdown(socket.SHUT_WR)
        while out.recv(4096):  # until the other side has read it all and closes
            pass
