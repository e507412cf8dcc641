"""A real Chromium without a head, driven over its DevTools protocol."""

from __future__ import annotations

import base64
import itertools
import json
import shutil
import subprocess
import time
import urllib.request
from pathlib import Path
from typing import Any, Self

from websockets.sync.client import connect

CHROMIUM = shutil.which("chromium") or shutil.which("chromium-browser") or shutil.which("google-chrome") or ""


class Browser:
    """One page. A context manager; *folder* is its profile."""

    def __init__(self, folder: Path) -> None:
        self._process = subprocess.Popen(
            [
                CHROMIUM,
                "--headless=new",
                "--no-sandbox",
                "--disable-gpu",
                "--disable-dev-shm-usage",
                "--disable-background-networking",
                "--no-first-run",
                "--remote-debugging-port=0",
                f"--user-data-dir={folder}",
                "--window-size=1400,900",
                "about:blank",
            ],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        try:
            port = _until(lambda: (folder / "DevToolsActivePort").read_text().split()[0])
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/json/list", timeout=30) as answer:
                page = next(one for one in json.load(answer) if one["type"] == "page")
            self._socket = connect(page["webSocketDebuggerUrl"], max_size=None, proxy=None)
        except BaseException:
            self._process.kill()
            raise
        self._numbers = itertools.count(1)

    def open(self, url: str) -> None:
        self._call("Page.navigate", url=url)

    def run(self, script: str) -> Any:
        """The value of *script*, awaited where it is a promise. RuntimeError where it throws."""
        done = self._call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in done:
            raise RuntimeError(done["exceptionDetails"]["exception"]["description"])
        return done["result"].get("value")

    def wait(self, script: str) -> Any:
        """The value of *script*, as soon as it is true."""
        return _until(lambda: self.run(script) or _never())

    def text(self, *wanted: str) -> str:
        """What the page shows, as soon as all of *wanted* is in it."""
        self.wait(f"{json.dumps(wanted)}.every(one => document.body.innerText.includes(one))")
        return str(self.run("document.body.innerText"))

    def screenshot(self, file: Path) -> None:
        file.write_bytes(base64.b64decode(self._call("Page.captureScreenshot")["data"]))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._socket.close()
        self._process.terminate()
        self._process.wait(30)

    def _call(self, method: str, **params: Any) -> dict[str, Any]:
        number = next(self._numbers)
        self._socket.send(json.dumps({"id": number, "method": method, "params": params}))
        while True:
            said = json.loads(self._socket.recv(60))
            if said.get("id") == number:
                if "error" in said:
                    raise RuntimeError(said["error"]["message"])
                return dict(said["result"])


def _never() -> Any:
    raise LookupError("not yet")


def _until(look: Any) -> Any:
    """What *look* returns, once it raises nothing any more; its last error after a minute and a half."""
    end = time.monotonic() + 90
    while True:
        try:
            return look()
        except (OSError, IndexError, LookupError, RuntimeError):
            if time.monotonic() > end:
                raise
            time.sleep(0.02)
