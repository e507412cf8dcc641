"""What the belt asks: is what is about to happen what the chain judged, after every other addon had its turn?"""

from __future__ import annotations

from typing import Any

from mitmproxy import connection, flow, tls
from mitmproxy.proxy import layer, layers, server_hooks

from weighlock.destination import RESERVED
from weighlock.identity.tokenendpoints import is_token_endpoint
from weighlock.stages import reply
from weighlock.stages.chain import Chain
from weighlock.stages.passage import Passage
from weighlock.stages.refusals import failure
from weighlock.stages.stage import filled

_LAYERS = (layers.HttpLayer, layers.ClientTLSLayer, layers.ServerTLSLayer)


class Gate:
    def __init__(self, chain: Chain) -> None:
        self.chain = chain

    def cleared(self, hook: str, data: Any) -> bool:
        """Whether *hook* may complete. The passage is let go with the last hook of its flow."""
        match hook:
            case "tls_clienthello":
                hello: tls.ClientHelloData = data
                return not hello.ignore_connection and not hello.establish_server_tls_first
            case "next_layer":
                chosen: layer.NextLayer = data
                return chosen.layer is None or isinstance(chosen.layer, _LAYERS)
            case "server_connect":
                connect: server_hooks.ServerConnectionHookData = data
                return connect.server.error is not None or self._listed(connect.server)
            case "http_connect" | "requestheaders" | "request" | "responseheaders" | "response":
                passage = self.chain.passages.get(data.id)
                cleared = passage is not None and self._flow_cleared(hook, passage)
                if passage and cleared and hook in ("http_connect", "response") and passage.socket is None:
                    del self.chain.passages[data.id]
                return cleared
            case "websocket_start" | "websocket_message" | "websocket_end":
                passage = self.chain.passages.get(data.id)
                if passage and hook == "websocket_end":
                    del self.chain.passages[data.id]
                return passage is not None and passage.socket is not None
            case _:
                return True

    def _listed(self, server: connection.Server) -> bool:
        address = server.address
        listed = self.chain.parts.rulebook.current.destinations
        return server.via is None and address is not None and (address[0].lower(), address[1]) in listed

    def _flow_cleared(self, hook: str, passage: Passage) -> bool:
        flow_ = passage.flow
        if flow_.request.stream:
            return False
        if hook in ("responseheaders", "response") and flow_.error and flow_.error.msg == flow.Error.KILLED_MESSAGE:
            return True  # mitmproxy ends it
        if passage.own_response:
            return passage.response_intact and not flow_.response.stream if flow_.response else False
        match hook:
            case "http_connect":
                return flow_.response is None and flow_.client_conn.id in self.chain.parts.tunnels
            case "requestheaders":
                return flow_.error is not None or (flow_.response is None and _readable(passage))
            case "request":
                return flow_.response is None and passage.request_intact
            case "responseheaders":
                return filled(flow_.response).stream in (False, passage.pump and passage.pump.feed)
            case _:
                recorded = passage.closed or passage.socket is not None
                streamed = passage.pump is not None and not filled(flow_.response).trailers
                return recorded and (streamed or passage.response_intact)

    def failed(self, hook: str, data: Any) -> bool:
        match hook:
            case "client_connected":
                data.error = "refused"
            case "server_connect":
                data.server.error = "refused"
            case "client_disconnected" | "error" | "server_disconnected" | "server_connect_error":
                pass
            case "http_connect" | "requestheaders" | "request" | "response":
                passage = self.chain.passages.get(data.id)
                if passage is None or passage.pump or data.request.stream:
                    return False
                passage.refused = passage.refused or failure()
                data.response = reply.refusal(passage, failure())
                passage.seal_response()
            case _:
                return False
        return True


def _readable(passage: Passage) -> bool:
    """Whether the body may be read. The gateway's own endpoint finds the token in it; of a call to a model host's token
    endpoint, which never passes, the keys in it are recorded.
    """
    exchange = passage.exchange
    own = exchange.destination is RESERVED
    return exchange.principal is not None or own or is_token_endpoint(passage.flow.request.path)
