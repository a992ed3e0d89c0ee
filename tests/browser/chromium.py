"""A headless Chromium that the tests speak to over a pipe, by the DevTools protocol; nothing but the standard library."""

from __future__ import annotations

import base64
import contextlib
import json
import os
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

SWITCHES = (
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--disable-extensions",
    "--hide-scrollbars",
    "--remote-debugging-pipe",
)
PATIENCE = 30.0


def binary() -> str | None:
    """Where Chromium is, if it is installed."""
    return os.environ.get("CHROMIUM") or shutil.which("chromium") or shutil.which("google-chrome")


class Page:
    """One tab. Every message from the browser that answers no call is kept in ``events``."""

    def __init__(self, read: int, write: int) -> None:
        self.read, self.write = read, write
        self.session: str | None = None
        self.events: list[dict[str, Any]] = []
        self._last, self._held = 0, b""

    def call(self, method: str, **params: Any) -> dict[str, Any]:
        """One command and its answer."""
        self._last += 1
        message: dict[str, Any] = {"id": self._last, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.write, json.dumps(message).encode() + b"\0") if len(json.dumps(message)) < 60_000 else self._send(message)
        while True:
            answer = self._message()
            if answer.get("id") == self._last:
                assert "error" not in answer, answer["error"]
                return answer["result"]
            self.events.append(answer)

    def _send(self, message: dict[str, Any]) -> None:
        left = json.dumps(message).encode() + b"\0"
        while left:
            left = left[os.write(self.write, left) :]

    def _message(self) -> dict[str, Any]:
        end = time.monotonic() + PATIENCE
        while b"\0" not in self._held:
            ready, _, _ = select.select([self.read], [], [], max(0.0, end - time.monotonic()))
            assert ready, "the browser does not answer"
            self._held += os.read(self.read, 1 << 20)
        first, _, self._held = self._held.partition(b"\0")
        return json.loads(first)

    def open(self, path: Path, width: int = 1000, height: int = 800, *, dark: bool = False, media: str = "") -> None:
        """Load a file at a width, in light or dark, on a screen or as print, and wait until it is there."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=width < 600)
        scheme = [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]
        self.call("Emulation.setEmulatedMedia", media=media, features=scheme)
        self.events.clear()
        self.call("Page.navigate", url=path.resolve().as_uri())
        end = time.monotonic() + PATIENCE
        while not any(e.get("method") == "Page.loadEventFired" for e in self.events):
            assert time.monotonic() < end, "the page does not load"
            self.events.append(self._message())

    def run(self, script: str) -> Any:
        """What an expression comes to in the page; promises are waited for."""
        answer = self.call("Runtime.evaluate", expression=script, returnByValue=True, awaitPromise=True)
        assert "exceptionDetails" not in answer, answer["exceptionDetails"]
        return answer["result"].get("value")

    def requests(self) -> list[str]:
        """Addresses that the page asked for since it was opened, data: and itself apart."""
        sent = [e["params"]["request"]["url"] for e in self.events if e.get("method") == "Network.requestWillBeSent"]
        return [url for url in sent[1:] if not url.startswith("data:")]

    def screenshot(self, path: Path) -> None:
        """The whole page as PNG."""
        size = self.call("Page.getLayoutMetrics")["cssContentSize"]
        clip = {"x": 0, "y": 0, "width": size["width"], "height": size["height"], "scale": 1}
        data = self.call("Page.captureScreenshot", format="png", captureBeyondViewport=True, clip=clip)["data"]
        path.write_bytes(base64.b64decode(data))

    def pdf(self, path: Path) -> None:
        """The page as it prints, A4."""
        data = self.call("Page.printToPDF", paperWidth=8.27, paperHeight=11.69, preferCSSPageSize=True, printBackground=False)[
            "data"
        ]
        path.write_bytes(base64.b64decode(data))


@contextlib.contextmanager
def chromium(profile: Path) -> Iterator[Page]:
    """A browser with an empty profile and one tab; it is stopped by its own process at the end."""
    found = binary()
    assert found, "Chromium is not installed; see .ci/browser-setup"
    to_read, to_write = os.pipe()
    from_read, from_write = os.pipe()

    def pipes() -> None:
        keep = (os.dup(to_read), os.dup(from_write))
        os.dup2(keep[0], 3)
        os.dup2(keep[1], 4)

    process = subprocess.Popen(
        [found, *SWITCHES, f"--user-data-dir={profile}", "about:blank"],
        preexec_fn=pipes,  # noqa: PLW1509  the browser looks for its pipe at 3 and 4
        close_fds=False,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )
    os.close(to_read)
    os.close(from_write)
    try:
        page = Page(from_read, to_write)
        target = next(t for t in page.call("Target.getTargets")["targetInfos"] if t["type"] == "page")
        page.session = page.call("Target.attachToTarget", targetId=target["targetId"], flatten=True)["sessionId"]
        for domain in ("Page", "Network", "Runtime"):
            page.call(f"{domain}.enable")
        yield page
    finally:
        os.close(to_write)
        process.terminate()
        try:
            process.wait(10)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait(10)
        os.close(from_read)
