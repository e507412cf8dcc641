"""Ways round the gateway: whatever a raw client sends, the model host gets nothing that was not judged."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Iterator

import h2.config
import h2.connection
import h2.events
import h2.settings
import pytest

from demo.gateway import Gateway
from demo.model_host import ModelHost
from rawclient import RawClient, Reply, chunked, request

SECRET = b"tell nobody: maria.lopez@example.com"
BODY = b'{"model":"demo","messages":[{"role":"user","content":"' + SECRET + b'"}]}'


@pytest.fixture(autouse=True)
def untouched(host: ModelHost) -> Iterator[None]:
    """The model host receives nothing, in every test here that does not say otherwise."""
    seen, asked = len(host.received), host.requests
    yield
    assert bytes(host.received[seen:]) == b""
    assert host.requests == asked


def taken(host: ModelHost, seen: int, asked: int) -> bytes:
    """What arrived, as it should: out of the way of `untouched`."""
    arrived = bytes(host.received[seen:])
    del host.received[seen:]
    host.requests = asked
    return arrived


def refused(reply: Reply) -> None:
    assert 400 <= reply.status < 600, reply
    assert b"connection reset" not in reply.raw.lower()
    assert SECRET not in reply.raw
    body = reply.json()
    assert body["error"]["message"]
    assert body["type"].startswith("urn:weighlock:")


def sent(gateway: Gateway, data: bytes) -> Reply:
    with RawClient(gateway) as client:
        client.tunnel().send(data)
        return client.read()


# -- where to ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("authority", ["api.openai.com:443", "localhost:443", "127.0.0.1:{port}", "localhost.:{port}"])
def test_connect_to_an_unlisted_host(gateway: Gateway, authority: str) -> None:
    with RawClient(gateway) as client:
        reply = client.connect(authority.format(port=gateway.host.port))

    assert reply.status == 403
    assert reply.raw.startswith(b"HTTP/1.1 403 destination-unlisted: This host is not a listed destination.\r\n")
    refused(reply)


@pytest.mark.parametrize("sni", ["other.test", "api.openai.com", None])
def test_a_server_name_of_another_host(gateway: Gateway, sni: str | None) -> None:
    with RawClient(gateway) as client:
        assert client.connect().status == 200
        client.tls(sni).send(request(gateway, BODY))
        reply = client.read_all()

    refused(reply)
    assert reply.json()["title"] == "destination-mismatch"


@pytest.mark.parametrize(
    "named", ["other.test", "localhost", "localhost:443", "127.0.0.1:{port}", "localhost:{port}@other.test", " ,"]
)
def test_a_host_header_of_another_host(gateway: Gateway, named: str) -> None:
    refused(sent(gateway, request(gateway, BODY, host=named.format(port=gateway.host.port))))


@pytest.mark.parametrize(
    "url", ["https://other.test/v1/chat/completions", "https://localhost:{port}/v1/chat/completions"]
)
@pytest.mark.parametrize("tunnel", [False, True])
def test_an_absolute_target(gateway: Gateway, url: str, tunnel: bool) -> None:
    with RawClient(gateway) as client:
        if tunnel:
            client.tunnel()
        start = f"POST {url.format(port=gateway.host.port)} HTTP/1.1"
        client.send(request(gateway, BODY, start=start))
        refused(client.read_all())


@pytest.mark.parametrize("target", ["http://localhost:{port}/v1/chat/completions", "http://other.test/v1"])
def test_plain_http_to_the_proxy(gateway: Gateway, target: str) -> None:
    with RawClient(gateway) as client:
        client.send(request(gateway, BODY, start=f"POST {target.format(port=gateway.host.port)} HTTP/1.1"))
        refused(client.read_all())


def test_a_path_without_a_tunnel(gateway: Gateway) -> None:
    with RawClient(gateway) as client:
        client.send(request(gateway, BODY))
        refused(client.read_all())


def test_plaintext_http_inside_connect(gateway: Gateway) -> None:
    with RawClient(gateway) as client:
        assert client.connect().status == 200
        client.send(request(gateway, BODY))
        refused(client.read_all())


@pytest.mark.parametrize("tls", [False, True])
@pytest.mark.parametrize(
    "data", [b"SSH-2.0-OpenSSH_9.6\r\n", b"\0\1\2\3" * 64, b"EHLO there\r\n" + SECRET + b"\r\n\r\n"]
)
def test_bytes_that_are_not_http_inside_connect(gateway: Gateway, data: bytes, tls: bool) -> None:
    with RawClient(gateway) as client:
        assert client.connect().status == 200
        if tls:
            client.tls()
        client.send(data)
        if b"\r\n\r\n" not in data:
            client.finish()  # else more of a head could come
        reply = client.read_all()

    assert reply.status == 0 or reply.status >= 400
    assert SECRET not in reply.raw


def test_a_tunnel_in_the_tunnel(gateway: Gateway) -> None:
    start = f"CONNECT localhost:{gateway.host.port} HTTP/1.1"

    reply = sent(gateway, request(gateway, b"", start=start))

    assert reply.status >= 400


# -- what two parsers read in two ways --------------------------------------------------------------------------------

HEADS = {
    "two hosts": b"Host: localhost:%d\r\n",
    "obs-fold": b"User-Agent: one\r\n two\r\n",
    "bare CR": b"User-Agent: one\rtwo\r\n",
    "NUL": b"User-Agent: one\0two\r\n",
    "a name with a space": b"User-Agent : one\r\n",
    "a line without a colon": b"what is this\r\n",
    "no name": b": one\r\n",
    "CL and TE": b"Transfer-Encoding: chunked\r\n",
    "two lengths": b"Content-Length: 5\r\n",
    "TE gzip": b"Transfer-Encoding: gzip, chunked\r\n",
    "websocket": b"Upgrade: websocket\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n",
    "h2c": b"Upgrade: h2c\r\nHTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    "http2-settings": b"HTTP2-Settings: AAMAAABkAAQAAP__\r\n",
    "another protocol": b"Upgrade: foo\r\n",
    "announced trailers": b"Trailer: X-Late\r\n",
    "20,000 fields": b"".join(b"X-Field-%d: a\r\n" % number for number in range(20_000)),
    "101 fields": b"".join(b"X-Field-%d: a\r\n" % number for number in range(101)),
    "a field of 1 MB": b"User-Agent: " + b"a" * (1 << 20) + b"\r\n",
    "a field of 65 KB": b"User-Agent: " + b"a" * (65 << 10) + b"\r\n",
}


@pytest.mark.parametrize("head", HEADS)
def test_header_fields(gateway: Gateway, head: str) -> None:
    extra = HEADS[head].replace(b"%d", b"%d" % gateway.host.port)

    refused(sent(gateway, request(gateway, BODY, extra=extra)))


@pytest.mark.parametrize(
    "coding",
    ["gzip, chunked", "chunked, gzip", "gzip", "identity", "xchunked", "chunked\r\nTransfer-Encoding: chunked"],
)
def test_transfer_codings(gateway: Gateway, coding: str) -> None:
    data = request(gateway, chunked(BODY), length=False, extra=f"Transfer-Encoding: {coding}\r\n".encode())

    refused(sent(gateway, data))


@pytest.mark.parametrize("tidied", ["User-Agent: one\r\r\n", "User-Agent:\t one \t\r\n", "X-Other: \r\n"])
def test_what_mitmproxy_tidies_up_leaves_tidy(gateway: Gateway, host: ModelHost, tidied: str) -> None:
    seen, asked = len(host.received), host.requests

    reply = sent(gateway, request(gateway, BODY, extra=tidied.encode()))

    arrived = taken(host, seen, asked)
    assert reply.status == 200
    assert SECRET not in arrived
    assert b"\r" not in arrived.replace(b"\r\n", b"")
    assert b"\t" not in arrived
    assert b"x-other" not in arrived.lower()


def test_an_upgrade_that_a_connection_field_asks_for(gateway: Gateway) -> None:
    data = request(gateway, BODY).replace(b"Connection: close", b"Connection: close, Upgrade")

    refused(sent(gateway, data))


@pytest.mark.parametrize(
    "start",
    [
        "POST /v1/chat/completions?a b HTTP/1.1",
        "POST /v1/chat /completions HTTP/1.1",
        "POST /v1/chat/completions#part HTTP/1.1",
        "POST v1/chat/completions HTTP/1.1",
        "POST * HTTP/1.1",
        "POST /v1/chat/completions\x00 HTTP/1.1",
        "POST /v1/chät HTTP/1.1",
        "POST /v1/%zz HTTP/1.1",
        "POST /v1/%ff HTTP/1.1",
        "post /v1/chat/completions HTTP/1.1",
        "P\x00ST /v1/chat/completions HTTP/1.1",
        "POST /v1/chat/completions HTTP/2.0",
        "POST /v1/chat/completions HTTP/3",
        "POST /v1/chat/completions",
        "TRACE /v1/chat/completions HTTP/1.1",
        "OPTIONS * HTTP/1.1",
    ],
)
def test_request_lines(gateway: Gateway, start: str) -> None:
    refused(sent(gateway, request(gateway, BODY, start=start)))


def test_transfer_coding_on_http_1_0(gateway: Gateway) -> None:
    start = "POST /v1/chat/completions HTTP/1.0"
    data = request(gateway, chunked(BODY), start=start, length=False, extra=b"Transfer-Encoding: chunked\r\n")

    refused(sent(gateway, data))


def test_trailers_that_nobody_announced(gateway: Gateway) -> None:
    body = chunked(BODY, trailers=b"X-Late: " + SECRET + b"\r\n")
    data = request(gateway, body, length=False, extra=b"Transfer-Encoding: chunked\r\n")

    refused(sent(gateway, data))


@pytest.mark.parametrize("size", [b"zz", b"-1", b"ffffffffffffffffff", b"0x10", b"5;" + b"a" * 100_000])
def test_chunk_sizes(gateway: Gateway, size: bytes) -> None:
    body = size + b"\r\n" + BODY + b"\r\n0\r\n\r\n"
    data = request(gateway, body, length=False, extra=b"Transfer-Encoding: chunked\r\n")

    with RawClient(gateway) as client:
        client.tunnel().send(data)
        if size.startswith(b"ff"):
            client.finish()  # else that much could come
        reply = client.read_all()

    assert reply.status == 0 or reply.status >= 400
    assert SECRET not in reply.raw


@pytest.mark.parametrize("length", [b"+3", b"-3", b"3, 3", b"0x10", b"", b"99999999999999999999"])
def test_lengths(gateway: Gateway, length: bytes) -> None:
    data = request(gateway, BODY, length=False, extra=b"Content-Length: " + length + b"\r\n")

    refused(sent(gateway, data))


def test_a_body_that_breaks_off(gateway: Gateway) -> None:
    with RawClient(gateway) as client:
        client.tunnel().send(request(gateway, BODY)[:-10])
        client.finish()
        reply = client.read_all()

    assert reply.status == 0 or reply.status >= 400


def test_a_head_that_breaks_off(gateway: Gateway) -> None:
    with RawClient(gateway) as client:
        client.tunnel().send(request(gateway, BODY)[:60])
        client.finish()

        assert client.read_all().raw == b""


# -- pipelining -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("bad", ["Host: other.test\r\n", "Upgrade: websocket\r\n", "User-Agent: a\rb\r\n"])
def test_a_pipelined_second_request_is_judged_by_itself(gateway: Gateway, host: ModelHost, bad: str) -> None:
    good = request(gateway, b'{"model":"demo","messages":[{"role":"user","content":"the first"}]}')
    good = good.replace(b"Connection: close\r\n", b"")
    seen, asked = len(host.received), host.requests
    with RawClient(gateway) as client:
        client.tunnel().send(good + request(gateway, BODY, extra=bad.encode()))
        answers = client.read_all().raw

    assert answers.startswith(b"HTTP/1.1 200")
    first, _, second = answers[8:].partition(b"HTTP/1.1 ")
    assert b"You said: the first" in first
    assert 400 <= int(second[:3]) < 600
    assert host.requests == asked + 1
    assert b"the first" in (arrived := taken(host, seen, asked))
    assert SECRET not in arrived


# -- HTTP/2 -----------------------------------------------------------------------------------------------------------


def h2_answer(gateway: Gateway, headers: list[tuple[str, str]], trailers: list[tuple[str, str]] | None = None) -> Reply:
    """One request over HTTP/2, as given: the h2 library's checks of what it sends are off."""
    given = h2.config.H2Configuration(
        header_encoding=None, validate_outbound_headers=False, normalize_outbound_headers=False
    )
    connection = h2.connection.H2Connection(given)
    status, body = 0, b""
    with RawClient(gateway) as client:
        assert client.connect().status == 200
        client.tls(alpn=("h2",))
        connection.initiate_connection()
        connection.send_headers(1, headers)
        connection.send_data(1, BODY, end_stream=not trailers)
        if trailers:
            connection.send_headers(1, trailers, end_stream=True)
        client.send(connection.data_to_send())
        while data := client._receive(65536):
            for event in connection.receive_data(data):
                match event:
                    case h2.events.ResponseReceived():
                        status = int(dict(event.headers)[b":status"])
                    case h2.events.DataReceived():
                        body += event.data
                    case h2.events.StreamEnded() | h2.events.StreamReset() | h2.events.ConnectionTerminated():
                        return Reply(b"HTTP/1.1 %d \r\n\r\n%s" % (status, body) if status else b"")
            client.send(connection.data_to_send())
    return Reply(b"")


H2 = {
    "another authority": {":authority": "other.test"},
    "another port": {":authority": "localhost:443"},
    "an empty authority": {":authority": ""},
    "another host": {"host": "other.test"},
    "an absolute path": {":path": "https://other.test/v1/chat/completions"},
    "a path with a space": {":path": "/v1/chat /completions"},
    "a path with a fragment": {":path": "/v1/chat/completions#x"},
    "an upgrade": {"upgrade": "websocket"},
    "a connection field": {"connection": "upgrade"},
    "transfer-encoding": {"transfer-encoding": "chunked"},
    "a line end in a value": {"user-agent": "a\r\nhost: other.test"},
    "NUL in a value": {"user-agent": "a\0b"},
    "CR in a value": {"user-agent": "a\rb"},
    "an upper-case name": {"User-Agent": "a"},
    "a lower-case method": {":method": "post"},
    "announced trailers": {"trailer": "x-late"},
    "a field of 65 KB": {"user-agent": "a" * (65 << 10)},
    "an extended connect": {":method": "CONNECT", ":protocol": "websocket"},
}


def h2_head(gateway: Gateway, changed: dict[str, str]) -> list[tuple[str, str]]:
    head = {
        ":method": "POST",
        ":scheme": "https",
        ":authority": f"localhost:{gateway.host.port}",
        ":path": "/v1/chat/completions",
        "content-type": "application/json",
    } | changed
    return sorted(head.items(), key=lambda field: not field[0].startswith(":"))


@pytest.mark.parametrize("what", H2)
def test_http2(gateway: Gateway, what: str) -> None:
    reply = h2_answer(gateway, h2_head(gateway, H2[what]))

    assert reply.status == 0 or 400 <= reply.status < 600
    assert SECRET not in reply.raw


def test_http2_with_another_scheme_leaves_over_tls_all_the_same(gateway: Gateway, host: ModelHost) -> None:
    seen, asked = len(host.received), host.requests

    reply = h2_answer(gateway, h2_head(gateway, {":scheme": "http"}))

    assert SECRET not in taken(host, seen, asked)
    assert reply.status in (200, 403)


def test_http2_trailers(gateway: Gateway) -> None:
    reply = h2_answer(gateway, h2_head(gateway, {}), trailers=[("x-late", SECRET.decode())])

    refused(reply)
    assert reply.json()["title"] == "trailers"


def test_http2_with_prior_knowledge(gateway: Gateway) -> None:
    with RawClient(gateway) as client:
        assert client.connect().status == 200
        client.send(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\4\0\0\0\0\0")
        client.finish()
        reply = client.read_all()

    assert reply.status == 0 or reply.status >= 400


# -- the gateway stays ------------------------------------------------------------------------------------------------


def test_a_client_that_only_opens_connections(gateway: Gateway) -> None:
    for _ in range(20):
        with socket.create_connection(("127.0.0.1", gateway.port), 10):
            pass
    with RawClient(gateway) as client:
        assert client.connect().status == 200
        client.tls()


def test_tls_that_the_client_breaks_off(gateway: Gateway) -> None:
    with RawClient(gateway) as client:
        assert client.connect().status == 200
        client.send(b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" + b"\0" * 50)
        client.finish()

        assert client.read_all().raw == b""


def test_the_authority_is_one_that_a_client_can_check(gateway: Gateway) -> None:
    with RawClient(gateway) as client:
        assert client.connect().status == 200
        with pytest.raises(ssl.SSLCertVerificationError):
            client._socket = ssl.create_default_context().wrap_socket(client._socket, server_hostname="localhost")
