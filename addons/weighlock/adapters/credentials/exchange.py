"""A subject token exchanged at a provider's token endpoint."""

from __future__ import annotations

from pathlib import Path

from tornado.httpclient import HTTPRequest
from tornado.simple_httpclient import SimpleAsyncHTTPClient

from weighlock.policy.credentials import Unusable
from weighlock.policy.federation import TokenRequest

TIMEOUT = 10.0
"""Seconds for the whole: name, connection, answer."""
MAX_BYTES = 64 << 10


async def post(request: TokenRequest, ca: Path | None) -> tuple[int, bytes]:
    """Status and body of the answer; Unusable where there is none. *ca* takes the place of the system's authorities.

    Tornado's own client: it knows no proxies, and so never goes through the gateway itself.
    """
    client = SimpleAsyncHTTPClient(force_instance=True, max_buffer_size=MAX_BYTES, max_header_size=MAX_BYTES)
    try:
        response = await client.fetch(
            HTTPRequest(
                request.url,
                method="POST",
                headers=dict(request.headers),
                body=request.body,
                connect_timeout=TIMEOUT,
                request_timeout=TIMEOUT,
                follow_redirects=False,
                decompress_response=False,
                user_agent="weighlock",
                ca_certs=str(ca) if ca else None,
            ),
            raise_error=False,
        )
    except Exception as error:  # whatever the other side does to the client; its text may quote the answer
        raise Unusable(f"the token endpoint cannot be reached ({type(error).__name__})") from None
    finally:
        client.close()
    return response.code, response.body
