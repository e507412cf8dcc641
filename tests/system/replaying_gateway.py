"""The gateway, in a mitmproxy that somebody lets replay a request whenever a client connects: one to the URL in REPLAY,
or those of the file of flows in FLOWS.
"""

import asyncio
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from mitmproxy import ctx, http
from mitmproxy.io import read_flows_from_paths
from mitmproxy.test import tflow

GATEWAY = Path(__file__).parents[2] / "addons" / "gateway.py"
exec(compile(GATEWAY.read_text(), __file__, "exec"))  # the order of its stages, under this script's name


class Replayer:
    def client_connected(self, _: Any) -> None:
        flow = next(self.imported(), None) or self.planted()
        ctx.master.commands.call("replay.client", [flow])
        self.waiting = asyncio.create_task(self.tell(flow))

    def imported(self) -> Iterator[http.HTTPFlow]:
        if "FLOWS" in os.environ:
            yield from read_flows_from_paths([os.environ["FLOWS"]])

    def planted(self) -> http.HTTPFlow:
        headers = {"authorization": "Bearer planted", "proxy-authorization": "Basic planted", "x-api-key": "planted"}
        request = http.Request.make("POST", os.environ["REPLAY"], b'{"planted": 1}', headers)
        flow = tflow.tflow(req=request)
        flow.live = False
        return flow

    async def tell(self, flow: http.HTTPFlow) -> None:
        while flow.response is None and flow.error is None:  # noqa: ASYNC110 - mitmproxy tells nobody
            await asyncio.sleep(0.01)
        print(f"REPLAYED {flow.response.content.decode() if flow.response else flow.error}", flush=True)


addons = [Replayer()]
