"""Real processes: one issuer, one model host and one gateway for a whole worker; others where a test needs its own."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from clients import RULES_ALONE
from demo.gateway import Gateway, launched
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost
from upstream import Upstream


class Cold(Gateway):
    """Started as a user starts it, interpreter and all."""

    launch = staticmethod(launched)


SPOKEN = "openai, anthropic, gemini, ollama, generic"


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if Path(__file__).parent in item.path.parents:
            item.add_marker(pytest.mark.slow)


@pytest.fixture(scope="session")
def issuer() -> Iterator[DemoIssuer]:
    issuer = DemoIssuer()
    yield issuer
    issuer.stop()


@pytest.fixture(scope="session")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ModelHost]:
    host = ModelHost(tmp_path_factory.mktemp("host"), gap=0.001)
    yield host
    host.stop()


@pytest.fixture(scope="session")
def gateway(tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer, host: ModelHost) -> Iterator[Gateway]:
    """Shared: a test that changes rules, cut-offs or the ledger makes its own with `make`."""
    with Cold(tmp_path_factory.mktemp("gateway"), issuer, host) as gateway:
        yield gateway


@pytest.fixture(scope="session")
def upstream(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Upstream]:
    upstream = Upstream(tmp_path_factory.mktemp("upstream"))
    yield upstream
    upstream.stop()


@pytest.fixture(scope="session")
def speaker(tmp_path_factory: pytest.TempPathFactory, issuer: DemoIssuer, upstream: Upstream) -> Iterator[Gateway]:
    """A gateway to *upstream*, which speaks all of SPOKEN."""
    folder = tmp_path_factory.mktemp("speaker")
    gateway = Gateway(folder, issuer, upstream, options=RULES_ALONE)
    destinations = gateway.rules / "destinations.yaml"
    destinations.write_text(destinations.read_text().replace("openai, generic", SPOKEN))
    with gateway:
        yield gateway


@pytest.fixture
def make(tmp_path: Path, issuer: DemoIssuer, host: ModelHost) -> Iterator[Callable[..., Gateway]]:
    """A gateway of the test's own, not started; stopped at the end. Without the models, which take seconds to load."""
    with contextlib.ExitStack() as stack:

        def made(**given: Any) -> Gateway:
            options = RULES_ALONE | given.pop("options", {})
            gateway = Gateway(tmp_path / "gateway", **{"issuer": issuer, "host": host} | given, options=options)
            stack.callback(gateway.stop)
            return gateway

        yield made
