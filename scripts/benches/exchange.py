"""One exchange: straight to the model host, through bare mitmdump, and through the whole chain, in turns in one run.

The client is a process of its own with keep-alive connections; a request is a chat completion with 2 kB of prose.
"""

from __future__ import annotations

import contextlib
import http.client
import json
import os
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

from figures import Figure, figure

from demo.gateway import Gateway, free_port
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost

RUNS = 5
REQUESTS = {1: 60, 16: 160}
PROSE = (
    "The committee met on Tuesday morning to discuss the proposal, and it put the decision off until the next week. "
)


def client() -> None:
    """`python exchange.py`: read a job from stdin, write latencies in seconds, and the total, as JSON."""
    job = json.loads(sys.stdin.read())
    body = json.dumps({"model": "demo", "messages": [{"role": "user", "content": (PROSE * 30)[:2000]}]})
    headers = {"content-type": "application/json"} | job["headers"]
    latencies: list[float] = []
    failures: list[int] = []

    def work(count: int) -> None:
        trust = ssl.create_default_context(cafile=job["ca"])
        if job["proxy"]:
            connection = http.client.HTTPSConnection("127.0.0.1", job["proxy"], context=trust, timeout=60)
            connection.set_tunnel("localhost", job["port"], job["tunnel"])
        else:
            connection = http.client.HTTPSConnection("localhost", job["port"], context=trust, timeout=60)
        for number in range(count + 1):
            began = time.perf_counter()
            connection.request("POST", "/v1/chat/completions", body, headers)
            response = connection.getresponse()
            response.read()
            if response.status != 200:
                failures.append(response.status)
            if number:  # the first one opens the connection
                latencies.append(time.perf_counter() - began)
        connection.close()

    began = time.perf_counter()
    threads = [threading.Thread(target=work, args=[job["requests"] // job["clients"]]) for _ in range(job["clients"])]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    print(json.dumps({"latencies": latencies, "seconds": time.perf_counter() - began, "failures": failures}))


class Route:
    """*pid* is the process in between, if there is one."""

    def __init__(self, ca: Path, port: int, proxy: int = 0, token: str = "", pid: int = 0) -> None:
        self.pid = pid
        self.job = {"ca": str(ca), "port": port, "proxy": proxy, "tunnel": {}, "headers": {}}
        if token:
            self.job["headers"] = {"authorization": f"Bearer {token}"}

    def measure(self, clients: int, requests: int = 0) -> tuple[float, float, float]:
        """p50 and p99 in milliseconds, and requests a second."""
        job = self.job | {"clients": clients, "requests": requests or REQUESTS[clients]}
        done = subprocess.run(
            [sys.executable, __file__], input=json.dumps(job), capture_output=True, text=True, check=True
        )
        result = json.loads(done.stdout)
        if result["failures"]:
            raise RuntimeError(f"not every request was answered with 200: {result['failures'][:3]}")
        times = sorted(result["latencies"])
        p99 = times[min(len(times) - 1, int(len(times) * 0.99))]
        return statistics.median(times) * 1000, p99 * 1000, len(times) / result["seconds"]


@contextlib.contextmanager
def bare_mitmdump(folder: Path, host: ModelHost, **given: str) -> Iterator[Route]:
    """*given* are more of its options."""
    port = free_port()
    options = {"confdir": str(folder), "ssl_verify_upstream_trusted_ca": str(host.ca)} | given
    sets = [word for name, value in options.items() for word in ("--set", f"{name}={value}")]
    command = [sys.executable, "-c", "from mitmproxy.tools.main import mitmdump; mitmdump()"]
    listen = ["-q", "--listen-host", "127.0.0.1", "--listen-port", str(port)]
    process = subprocess.Popen([*command, *listen, *sets], stdout=subprocess.DEVNULL)
    try:
        while not (folder / "mitmproxy-ca-cert.pem").exists() or not _listens(port):
            os.sched_yield()
        yield Route(folder / "mitmproxy-ca-cert.pem", host.port, port, pid=process.pid)
    finally:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def _listens(port: int) -> bool:
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def run(progress: Callable[[str], None]) -> list[Figure]:
    with tempfile.TemporaryDirectory() as folder, contextlib.ExitStack() as stack:
        progress("starting the model host, bare mitmdump and the gateway")
        issuer, host = DemoIssuer(), ModelHost(Path(folder) / "host")
        stack.callback(issuer.stop)
        stack.callback(host.stop)
        own = {"weighlock_workers": "2"}
        anew = stack.enter_context(Gateway(Path(folder) / "anew", issuer, host, options=own | {"weighlock_cache": "1"}))
        knows = stack.enter_context(Gateway(Path(folder) / "knows", issuer, host, options=own))
        bare = stack.enter_context(bare_mitmdump(Path(folder) / "bare", host))
        routes = {
            "direct": Route(host.ca, host.port),
            "bare mitmdump": bare,
            "weighlock": Route(anew.ca, host.port, anew.port, anew.token()),
            "weighlock, a text it knows,": Route(knows.ca, host.port, knows.port, knows.token()),
        }
        measured: dict[tuple[str, int], list[tuple[float, float, float]]] = {}
        for turn in range(RUNS):
            for clients in REQUESTS:
                for name, route in routes.items():
                    progress(f"round {turn + 1} of {RUNS}: {name}, {clients} at once")
                    measured.setdefault((name, clients), []).append(route.measure(clients))
    figures = []
    for clients in REQUESTS:
        for column, (what, unit) in enumerate((("p50", "ms"), ("p99", "ms"), ("throughput", "requests/s"))):
            for name in [name for name in routes if name != "direct"]:
                values = [row[column] for row in measured[name, clients]]
                against = "direct" if name == "bare mitmdump" else "bare mitmdump"
                baselines = [row[column] for row in measured[against, clients]]
                figures.append(figure(f"{name} over {against}, {clients} at once, {what}", unit, values, baselines))
    return figures


if __name__ == "__main__":
    client()
