"""The app and a browser, shared by a module's tests; a missing browser is a failure, never a skip."""

import shutil
import signal
import time
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from compression.runs import store
from compression.runs.records import ACTIVE
from compression.runs.store import Store
from tests.browser import lab

LONGEST = ("test_newcomer.py", "test_server_kills.py", "test_results_pages.py", "test_compress.py", "test_looks.py")


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the files that take longest: none of them is left to be waited for at the end."""
    items.sort(key=lambda item: LONGEST.index(item.path.name) if item.path.name in LONGEST else len(LONGEST))


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """Add what each open page showed to the report of a failed test, with a picture of it in the ignored folder."""
    report = yield
    browser = getattr(item, "funcargs", {}).get("browser")
    if report.failed and browser is not None:
        pages = [page for context in browser.contexts for page in context.pages]
        for number, page in enumerate(pages, start=1):
            report.sections.append((f"page {number} of {len(pages)}", lab.told(page, f"failed-{item.name}-{number}")))
    return report


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A headless Chromium."""
    expect.set_options(timeout=lab.PATIENCE_MS)
    with lab.browser() as opened:
        yield opened


@pytest.fixture(scope="session")
def shared_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lab.Server]:
    """The app, started once, whose log has no traceback at the end."""
    home: Path = tmp_path_factory.mktemp("lab")
    started = lab.start(home)
    yield started
    started.end()
    lab.end_supervisor(home)
    log = (home / "server.log").read_text()
    assert "Traceback" not in log, log


@pytest.fixture(scope="module")
def server(shared_server: lab.Server) -> Iterator[lab.Server]:
    """The app, whose store holds nothing of another module's tests: neither runs nor trained networks."""
    yield shared_server
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAB_HOME", str(shared_server.home))
        patch.delenv("LAB_DATABASE_URL", raising=False)
        empty(store())
    shutil.rmtree(shared_server.home / "models", ignore_errors=True)


def empty(full: Store) -> None:
    """Cancel and delete all runs of a store."""
    for run in full.runs(limit=None):
        full.cancel(run.id)
    deadline = time.monotonic() + lab.START_TIMEOUT_S
    while full.runs(states=ACTIVE) and time.monotonic() < deadline:
        time.sleep(0.05)
    for run in full.runs(limit=None):
        full.delete(run.id)


@pytest.fixture
def page(browser: Browser, server: lab.Server) -> Iterator[Page]:
    """An empty tab of a new visitor, wide, whose addresses are relative to the app."""
    context = browser.new_context(base_url=server.address, viewport=lab.WIDE)
    context.set_default_timeout(lab.PATIENCE_MS)
    yield context.new_page()
    context.close()


@pytest.fixture
def own_server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[lab.Server]:
    """An app of a test's own, that nobody has opened yet and that it may kill; this process shares its store."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    monkeypatch.delenv("LAB_DATABASE_URL", raising=False)
    started = lab.start(tmp_path / "home")
    yield started
    started.end(signal.SIGKILL)
    lab.end_supervisor(started.home)
