"""The running app and a real browser, for tests and for looking at pages."""

import contextlib
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import urlsplit

import psutil
from playwright.sync_api import Browser, Page, sync_playwright
from playwright.sync_api import Error as PlaywrightError

ROOT = Path(__file__).resolve().parents[2]
SCREENSHOTS = ROOT / "screenshots"
START_TIMEOUT_S = 60
PATIENCE_MS = 60_000  # for one thing to appear on a busy machine, where a fresh server loads torch first
BROWSERS = (
    *("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome", "microsoft-edge", "msedge"),
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "C:/Program Files/Google/Chrome/Application/chrome.exe",
    "C:/Program Files (x86)/Microsoft/Edge/Application/msedge.exe",
)
BROWSER_FLAGS = [
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
]
POINTS = """role => [...(document.querySelector(".live-chart")?.data ?? [])]
    .filter(trace => trace.meta === `${role}-val_accuracy`)
    .reduce((count, trace) => count + [...(trace.y ?? [])].filter(Number.isFinite).length, 0)"""
TRACES = """() => [...document.querySelectorAll(".live-chart")]
    .map(chart => (chart.data ?? [{ meta: "not drawn" }]).map(trace => `${trace.meta}: ${trace.y?.length}`).join(", "))
    .join("; ")"""
WIDE, NARROW = {"width": 1440, "height": 900}, {"width": 390, "height": 844}


@dataclass
class Server:
    """A running app: where it answers, where its store lies, and its process."""

    address: str
    home: Path
    process: subprocess.Popen[bytes]

    def end(self, how: int = signal.SIGTERM) -> None:
        """End the server by a signal and wait until it is gone."""
        if self.process.poll() is None:
            self.process.send_signal(how)
            self.process.wait(timeout=START_TIMEOUT_S)


def free_port() -> int:
    """Return a port that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def start(home: Path, *, port: int | None = None, wait: bool = True, base: str = "") -> Server:
    """Start the app as the README says, with its own store.

    Args:
        home: the folder of the store.
        port: where it answers; a free one by default.
        wait: whether to wait until it answers.
        base: the path below which all its addresses lie, as `/lab`.

    Raises:
        RuntimeError: it did not answer in time; the message holds what it wrote.
    """
    port = port or free_port()
    home.mkdir(parents=True, exist_ok=True)
    command = [sys.executable, "-m", "streamlit", "run", "app.py", "--server.port", str(port), "--server.baseUrlPath", base]
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=ROOT, env={**os.environ, "LAB_HOME": str(home)}, stdout=log, stderr=log)
    server = Server(f"http://127.0.0.1:{port}{base}", home, process)
    if wait:
        wait_for_health(server)
    return server


def wait_for_health(server: Server) -> None:
    """Wait until the app answers.

    Raises:
        RuntimeError: it ended, or did not answer in time.
    """
    deadline = time.monotonic() + START_TIMEOUT_S
    while time.monotonic() < deadline and server.process.poll() is None:
        with contextlib.suppress(OSError, urllib.error.URLError), urllib.request.urlopen(server.address + "/_stcore/health"):
            return
        time.sleep(0.05)
    server.end(signal.SIGKILL)
    raise RuntimeError(f"the app did not start:\n{(server.home / 'server.log').read_text()}")


def supervises(process: psutil.Process, home: Path) -> bool:
    """Tell whether a process is the supervisor of a store, or a worker that it forked."""
    with contextlib.suppress(psutil.Error):
        return "compression.runs.supervisor" in process.cmdline() and process.environ().get("LAB_HOME") == str(home)
    return False


def end_supervisor(home: Path) -> None:
    """End the supervisor of a store that is about to be thrown away, and its workers."""
    for process in [found for found in psutil.process_iter() if supervises(found, home)]:
        with contextlib.suppress(psutil.Error):
            process.kill()


def browser_path() -> str:
    """Return the browser to test with.

    Raises:
        RuntimeError: there is none.
    """
    for name in BROWSERS:
        if path := shutil.which(name):
            return path
    raise RuntimeError("No Chromium, Chrome or Edge was found; install one (on Debian: apt-get install chromium) and try again.")


@contextlib.contextmanager
def browser() -> Iterator[Browser]:
    """Open a headless browser for as long as the block lasts."""
    with sync_playwright() as playwright:
        opened = playwright.chromium.launch(executable_path=browser_path(), args=BROWSER_FLAGS)
        yield opened
        opened.close()


def settle(page: Page) -> None:
    """Wait until Streamlit has drawn the page and nothing runs."""
    page.wait_for_selector("[data-testid=stAppViewContainer]")
    page.wait_for_selector("[data-testid=stApp][data-test-script-state=notRunning]")


def complaints(page: Page) -> list[str]:
    """Return a list that grows with whatever goes wrong in the page from now on: its console's errors and its requests."""
    heard: list[str] = []
    page.on("console", lambda message: heard.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: heard.append(str(error)))
    page.on("response", lambda answer: heard.append(f"{answer.status} {answer.url}") if answer.status >= 400 else None)
    page.on("request", lambda request: heard.append(f"abroad: {request.url}") if is_abroad(request.url) else None)
    return heard


def is_abroad(url: str) -> bool:
    """Tell whether an address lies on another machine."""
    return urlsplit(url).scheme in {"http", "https"} and urlsplit(url).hostname != "127.0.0.1"


def points(page: Page, role: str) -> int:
    """Return how many points of a role's curve the page's first live chart shows."""
    return page.evaluate(POINTS, role)


def shoot(page: Page, name: str) -> Path:
    """Keep a picture of the page in the ignored folder and return its file."""
    SCREENSHOTS.mkdir(exist_ok=True)
    target = SCREENSHOTS / f"{name}.png"
    page.screenshot(path=target, animations="disabled")
    return target


def told(page: Page, name: str) -> str:
    """Return where a page is, what its live charts hold and what it shows, and keep a picture of it."""
    try:
        shoot(page, name)
        state = page.locator("[data-testid=stApp]").get_attribute("data-test-script-state", timeout=1000)
        return f"{page.title()} | {page.url} | script {state}\n{page.evaluate(TRACES)}\n{page.inner_text('body')}"
    except PlaywrightError as error:  # a page that has crashed or is still empty
        return f"{page.url} | {error}"
