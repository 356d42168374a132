"""Headless Chromium, driven through its DevTools protocol: open a page, click, write, take a picture."""

from __future__ import annotations

import asyncio
import base64
import json
import os
import shutil
import subprocess
import time
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import aiohttp

if TYPE_CHECKING:
    from types import TracebackType

    from typing_extensions import Self

PROGRAMS = ("chromium", "chromium-browser", "google-chrome")
STARTED_WITHIN_SECONDS = 60.0
SHOWN_WITHIN_SECONDS = 60.0
SETTLES_SECONDS = 1.0
"""Animations and late requests of a page end within this time."""

ARGUMENTS = (
    "--headless=new",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-extensions",
    "--hide-scrollbars",
    "--no-first-run",
    "--no-proxy-server",
    "--remote-debugging-port=0",
)

CENTER = """(element => {
  if (!element) return null;
  element.scrollIntoView({block: "center"});
  const box = element.getBoundingClientRect();
  return {x: box.x + box.width / 2, y: box.y + box.height / 2, top: box.y};
})"""
CENTER_OF_ELEMENT = f"{CENTER}(document.querySelector(%s))"
CENTER_OF_TEXT = f"""{CENTER}((() => {{
  const found = [...document.querySelectorAll("body *")].filter(
    e => (e.innerText || "").trim().startsWith(%s) && e.getClientRects().length);
  return found.find(e => !found.some(other => other !== e && e.contains(other)));
}})())"""
"""The first visible element with a text that begins with the one to click; of nested ones the innermost."""


class BrowserError(Exception):
    """Chromium is missing, or a page did not show what a picture needs."""


class PageLeft(BrowserError):
    """The page has been left while it ran a script."""


@dataclass(frozen=True)
class Screen:
    """The size of a window in CSS pixels."""

    width: int
    height: int
    is_phone: bool = False


def find_chromium() -> str:
    """Return the path of Chromium; raise BrowserError if it is not installed."""
    for program in PROGRAMS:
        if path := shutil.which(program):
            return path
    msg = f"Chromium was not found ({', '.join(PROGRAMS)} on PATH). On Debian: apt install chromium"
    raise BrowserError(msg)


class Browser:
    """Start Chromium with a temporary profile, and control its only page."""

    def __init__(self) -> None:
        self._program = find_chromium()
        self._stack = ExitStack()
        self._loop = asyncio.new_event_loop()
        self._calls = 0

    def __enter__(self) -> Self:
        """Start Chromium and connect to its page."""
        with ExitStack() as stack:
            stack.callback(self._loop.close)
            profile = Path(stack.enter_context(TemporaryDirectory(ignore_cleanup_errors=True)))
            root = ("--no-sandbox",) if os.geteuid() == 0 else ()  # Chromium refuses its sandbox to root
            command = [self._program, *ARGUMENTS, *root, f"--user-data-dir={profile}", "about:blank"]
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
            )
            stack.callback(process.wait)
            stack.callback(process.terminate)
            port = _port(profile / "DevToolsActivePort", process)
            self._session = self._loop.run_until_complete(_open_session())
            stack.callback(lambda: self._loop.run_until_complete(self._session.close()))
            self._socket = self._loop.run_until_complete(self._connect(port))
            self._stack = stack.pop_all()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """End Chromium and delete its profile."""
        self._stack.close()

    async def _connect(self, port: str) -> aiohttp.ClientWebSocketResponse[bool]:
        async with self._session.get(f"http://127.0.0.1:{port}/json") as answer:
            pages = [target for target in await answer.json() if target["type"] == "page"]
        return await self._session.ws_connect(pages[0]["webSocketDebuggerUrl"], max_msg_size=0)

    def call(self, method: str, **parameters: Any) -> dict[str, Any]:
        """Call a method of the DevTools protocol and return its result."""
        return self._loop.run_until_complete(self._acall(method, parameters))

    async def _acall(self, method: str, parameters: dict[str, Any]) -> dict[str, Any]:
        self._calls += 1
        await self._socket.send_json({"id": self._calls, "method": method, "params": parameters})
        while True:
            answer = json.loads(await self._socket.receive_str(timeout=SHOWN_WITHIN_SECONDS))
            if answer.get("id") != self._calls:
                continue  # an event
            if "error" in answer:
                reason = answer["error"]["message"]
                msg = f"Chromium refused {method}: {reason}"
                raise PageLeft(msg) if "navigated" in reason else BrowserError(msg)
            return dict(answer["result"])

    def evaluate(self, script: str) -> Any:
        """Run JavaScript in the page and return its value."""
        result = self.call("Runtime.evaluate", expression=script, returnByValue=True)
        if "exceptionDetails" in result:
            msg = f"The page raised an error: {result['exceptionDetails']['exception']['description']}"
            raise BrowserError(msg)
        return result["result"].get("value")

    def wait_for(self, script: str) -> Any:
        """Wait until JavaScript has a value that is true, and return it."""
        deadline = time.monotonic() + SHOWN_WITHIN_SECONDS
        while not (value := self._value_or_none(script)):
            if time.monotonic() > deadline:
                page = self.evaluate("location.href")
                msg = f"{page} did not show this within {SHOWN_WITHIN_SECONDS:.0f} s: {script}"
                raise BrowserError(msg)
            time.sleep(0.05)
        return value

    def _value_or_none(self, script: str) -> Any:
        """Return the value of JavaScript; None if the page has been left, and the next one is not there."""
        try:
            return self.evaluate(script)
        except PageLeft:
            return None

    def resize(self, screen: Screen) -> None:
        """Give the page the size of a screen."""
        size = {"width": screen.width, "height": screen.height}
        self.call("Emulation.setDeviceMetricsOverride", **size, deviceScaleFactor=1, mobile=screen.is_phone)

    def open(self, url: str) -> None:
        """Open an address and wait until the page has loaded."""
        result = self.call("Page.navigate", url=url)
        if "errorText" in result:
            msg = f"{url} could not be opened: {result['errorText']}"
            raise BrowserError(msg)
        self.wait_for("document.readyState == 'complete'")

    def wait_for_text(self, text: str) -> None:
        """Wait until the page shows a text."""
        self.wait_for(f"document.body?.innerText.includes({json.dumps(text)})")

    def click(self, text: str) -> None:
        """Click the element with a text."""
        self._click_at(self.wait_for(CENTER_OF_TEXT % json.dumps(text)))

    def click_on(self, selector: str) -> None:
        """Click the element that a CSS selector finds."""
        self._click_at(self.wait_for(CENTER_OF_ELEMENT % json.dumps(selector)))

    def fill(self, selector: str, text: str) -> None:
        """Write into the input that a CSS selector finds."""
        self.click_on(selector)
        self.write(text)

    def _click_at(self, point: dict[str, float]) -> None:
        place = {"x": point["x"], "y": point["y"], "button": "left", "clickCount": 1}
        for kind in ("mousePressed", "mouseReleased"):
            self.call("Input.dispatchMouseEvent", type=kind, **place)

    def write(self, text: str) -> None:
        """Write into the element that has the focus."""
        self.call("Input.insertText", text=text)

    def press_enter(self) -> None:
        """Press and release the Enter key."""
        key = {"key": "Enter", "code": "Enter", "windowsVirtualKeyCode": 13}
        self.call("Input.dispatchKeyEvent", type="keyDown", text="\r", **key)
        self.call("Input.dispatchKeyEvent", type="keyUp", **key)

    def picture(self, screen: Screen, above: str = "") -> bytes:
        """Return the visible part of the page as PNG, or only what is above an element with a text."""
        time.sleep(SETTLES_SECONDS)
        height = self.wait_for(CENTER_OF_TEXT % json.dumps(above))["top"] if above else screen.height
        clip = {"x": 0, "y": 0, "width": screen.width, "height": int(height), "scale": 1}
        return base64.b64decode(self.call("Page.captureScreenshot", format="png", clip=clip)["data"])


async def _open_session() -> aiohttp.ClientSession:
    return aiohttp.ClientSession()


def _port(file: Path, process: subprocess.Popen[bytes]) -> str:
    """Return the port that Chromium has chosen: the first line of a file that it writes."""
    deadline = time.monotonic() + STARTED_WITHIN_SECONDS
    while not (file.exists() and file.read_text().count("\n")):
        if process.poll() is not None or time.monotonic() > deadline:
            msg = f"Chromium did not start, exit status {process.returncode}: {process.args!r}"
            raise BrowserError(msg)
        time.sleep(0.1)
    return file.read_text().splitlines()[0]
