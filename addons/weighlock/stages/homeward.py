"""The chain's second half: a reply is masked, recorded and cleared, or refused, before the client sees any of it."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable

from mitmproxy import flow, http

from weighlock.errors import BadReply, Refused
from weighlock.model import Headers
from weighlock.stages import inject, reply
from weighlock.stages.handshake import answered
from weighlock.stages.passage import Passage
from weighlock.stages.pump import Pump
from weighlock.stages.record import Recorder
from weighlock.stages.refusals import Hollow, failure
from weighlock.stages.socket import Socket
from weighlock.stages.stage import Parts, filled
from weighlock.stages.tasks import Tasks

log = logging.getLogger("weighlock")


class Homeward:
    """*recheck* raises Refused for a passage whose principal may not call any more."""

    def __init__(self, parts: Parts, recorder: Recorder, recheck: Callable[[Passage], None], tasks: Tasks) -> None:
        self._parts, self._recorder, self._recheck, self._tasks = parts, recorder, recheck, tasks
        self._limit = parts.settings.inspect_timeout * 6

    async def head(self, passage: Passage) -> None:
        """The reply's head is here: what is a stream is masked as it flows, any other is read whole."""
        response = filled(passage.flow.response)
        response.stream = False
        if passage.own_response:
            return
        if response.status_code == 101 or not passage.request_intact:
            self._open_socket(passage)
            return
        if reply.is_stream(passage):
            own = reply.own_headers(passage)
            pump = passage.pump = reply.start_stream(self._parts, passage)
            await self._pass_headers(passage, pump, own)
            self._tasks.start(self._end_stream(passage, pump))

    async def _pass_headers(self, passage: Passage, pump: Pump, own: Headers) -> None:
        """Where one of them may not be seen, the stream says so and nothing else."""
        try:
            async with asyncio.timeout(self._limit):
                await reply.pass_headers(self._parts, passage, own)
        except Refused as refused:
            pump.fail(refused)
        except Exception as error:
            log.error("refused: %s while reading a reply's head", type(error).__name__)
            pump.fail(failure())

    def _open_socket(self, passage: Passage) -> None:
        """Where the operation is one of a WebSocket, and the handshake is in order."""
        response, operation = filled(passage.flow.response), reply.operation(passage)
        try:
            if not passage.request_intact or operation.socket is None:
                raise BadReply("reply-upgrade", "The model host switched protocols.")
            headers = answered(passage, response)
        except Refused as refused:
            passage.refused = refused
            passage.flow.kill()  # a response set here would be followed by the upstream's body
            return
        response.headers = http.Headers([(name.encode(), value.encode()) for name, value in headers])
        response.http_version, response.reason = "HTTP/1.1", "Switching Protocols"
        passage.socket = Socket(self._parts, passage, operation)

    async def whole(self, passage: Passage) -> None:
        """All of the reply is here."""
        if passage.own_response:
            return
        received = b""
        try:
            received = self._recorder.as_received(passage)
            if passage.socket:
                self._recheck(passage)
                passage.seal_response()
                return
            if passage.pump:
                filled(passage.flow.response).trailers = None  # they would follow the stream, unread
                passage.pump.close()
                await passage.pump.ended()
                received = self._recorder.as_received(passage)
            else:
                async with asyncio.timeout(self._limit):
                    masked = await reply.document(self._parts, passage)
                if not isinstance(masked, http.Response):
                    raise Hollow("response")
                passage.flow.response = masked
            self._recheck(passage)
            await self._recorder.response(passage, received)
            passage.seal_response()
        except Refused as refused:
            await self._refuse(passage, refused, received)
        except Exception as error:
            log.error("refused: %s while reading a reply", type(error).__name__)
            await self._refuse(passage, failure(), received)

    async def _refuse(self, passage: Passage, refused: Refused, received: bytes) -> None:
        passage.refused = passage.refused or refused
        if passage.pump:
            # Bytes are out: only an abnormal end keeps a client from taking them for the whole.
            passage.flow.error = flow.Error(flow.Error.KILLED_MESSAGE)
        else:
            passage.flow.response = reply.refusal(passage, refused)
            passage.seal_response()
        await self._recorder.response(passage, received, or_fail=False)

    async def _end_stream(self, passage: Passage, pump: Pump) -> None:
        """Wait for the stream's end; where it is a refusal, say so in the caller's dialect and cut the stream."""
        try:
            await pump.ended()
        except Refused as refused:
            passage.refused = passage.refused or refused
        except Exception as error:
            log.error("stream ended: %s while masking", type(error).__name__)
            passage.refused = passage.refused or failure()
        if passage.refused:
            await inject.emit(passage.flow, reply.error_frame(passage, passage.refused))
            await inject.end(passage.flow)
