"""A gateway that the record answers."""

from __future__ import annotations

import sys
from pathlib import Path

from demo.gateway import ROOT, Gateway
from demo.issuer import DemoIssuer
from demo.model_host import ModelHost


class Rehearsal(Gateway):
    """`weighlock replay serve` of what *live* has recorded."""

    def __init__(self, folder: Path, live: Gateway, issuer: DemoIssuer, host: ModelHost) -> None:
        env = {"WEIGHLOCK_NER": "none", "WEIGHLOCK_WORKERS": "1", "PYTHONPATH": str(ROOT / "addons")}
        super().__init__(folder, issuer, host, env=env)
        self.live, self.confdir = live, self.state / "mitmproxy"

    def command(self) -> list[str]:
        given = {
            "state": self.live.state,
            "rehearsal": self.state,
            "rules": self.rules,
            "listen-port": self.port,
            "console": f"127.0.0.1:{self.console_port}",
        }
        options = [word for name, value in given.items() for word in (f"--{name}", str(value))]
        return [sys.executable, "-m", "weighlock", "replay", "serve", *options]
