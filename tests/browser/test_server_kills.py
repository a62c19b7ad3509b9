"""The web server or a worker killed under a run that was started from the page."""

import re
import signal
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, urlsplit

import psutil
import pytest
from playwright.sync_api import Browser, Page, expect

from compression.runs import store
from compression.runs.records import CANCELLED, FINISHED, INTERRUPTED, RUNNING, Run
from tests.browser import lab
from tests.runs.conftest import wait_for, wait_until

SETTINGS, LONG = "/distill?epochs=30&seeds=2", "/distill?epochs=300&seeds=10"
WHOLE_RUN_MS = 120_000
VERDICT = "[class*=st-key-verdict]"


@pytest.fixture
def tab(browser: Browser, own_server: lab.Server) -> Iterator[Page]:
    """A tab at the app that a test may kill."""
    context = browser.new_context(base_url=own_server.address, viewport=lab.WIDE)
    context.set_default_timeout(lab.PATIENCE_MS)
    yield context.new_page()
    context.close()


def start_run(tab: Page, settings: str = SETTINGS) -> Run:
    """Start a run from the page and wait for its first points."""
    tab.goto(settings)
    lab.settle(tab)
    tab.get_by_role("button", name="Run", exact=True).click()
    tab.wait_for_url(re.compile(r"[?&]run="))
    tab.wait_for_function(f"({lab.POINTS})('baseline') >= 2", timeout=WHOLE_RUN_MS)
    return store().run(parse_qs(urlsplit(tab.url).query)["run"][0])


def numbers(run: Run) -> dict[str, Any]:
    """Return what a run found, less what depends on the machine's mood."""
    models = {
        role: {name: value for name, value in model.items() if name != "latency_ms"}
        for role, model in run.result["models"].items()
    }
    return {"models": models, "verdict": run.result["verdict"]}


def test_a_run_outlives_the_web_server_however_it_ends(tab: Page, own_server: lab.Server) -> None:
    run = start_run(tab, LONG)
    port = urlsplit(own_server.address).port
    for how in (signal.SIGTERM, signal.SIGINT, signal.SIGKILL):
        own_server.end(how)
        told = len(store().events(run.id))
        assert store().run(run.id).state == RUNNING
        own_server.process = lab.start(own_server.home, port=port).process
        wait_until(lambda told=told: len(store().events(run.id)) > told)

    other = tab.context.new_page()
    other.goto(f"/distill?run={run.id}")
    other.wait_for_function(f"({lab.POINTS})('baseline') >= 2", timeout=WHOLE_RUN_MS)
    cancel = tab.get_by_role("button", name="Cancel")  # the tab that was open all the time finds its way back by itself
    cancel.click(timeout=WHOLE_RUN_MS)
    for page in (tab, other):
        expect(page.get_by_text("This run was cancelled")).to_be_visible(timeout=WHOLE_RUN_MS)
        assert parse_qs(urlsplit(page.url).query)["run"] == [run.id]
    done = store().run(run.id)
    assert (done.state, done.started) == (CANCELLED, run.started)


def test_a_killed_worker_is_told_and_resumes_to_the_same_numbers(tab: Page, own_server: lab.Server) -> None:
    run = start_run(tab)
    (worker,) = workers(own_server.home)
    worker.kill()
    expect(tab.get_by_text("This run was interrupted before it was done")).to_be_visible()
    assert store().run(run.id).state == INTERRUPTED
    lab.shoot(tab, "killed-worker")

    tab.get_by_role("button", name="Resume").click()
    expect(tab.locator(VERDICT)).to_contain_text("Does the teacher help?", timeout=WHOLE_RUN_MS)
    resumed = store().run(run.id)

    for cached in (own_server.home / "models").glob("baseline-*"):
        cached.unlink()
    tab.get_by_role("button", name="Run", exact=True).click()
    expect(tab).not_to_have_url(re.compile(run.id))
    undisturbed = wait_for(store(), parse_qs(urlsplit(tab.url).query)["run"][0], FINISHED, patience_s=WHOLE_RUN_MS / 1000)
    assert numbers(resumed) == numbers(undisturbed)


def workers(home: Path) -> list[psutil.Process]:
    """Return the processes that work on the runs of a store: the supervisor's children."""
    ours = [process for process in psutil.process_iter() if lab.supervises(process, home)]
    return [process for process in ours if process.ppid() in {other.pid for other in ours}]
