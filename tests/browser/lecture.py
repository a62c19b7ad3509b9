"""A lecturer's plan, run through the app and counted in clicks: `python -m tests.browser.lecture [--server URL --home FOLDER]`.

Three questions, each asked with default distillations that differ in one setting: how much do temperature, alpha and the size of
the student matter? Each ends on Compare in a chart, of which pictures are taken wide and narrow, in light and dark. Without a
server one is started on a fresh store.
"""

import argparse
import os
import tempfile
import time
from dataclasses import dataclass
from pathlib import Path

from playwright.sync_api import Browser, Locator, Page, expect

from compression.runs import store
from compression.runs.records import FINISHED
from tests.browser import lab

PLAN = {
    "temperature": ("distill-loss-temperature", "Temperature T", (1, 4, 20), 4),
    "alpha": ("distill-loss-alpha", "Alpha α", (0, 0.5, 1), 0.9),
    "width": ("distill-student-width", "Student width", (1, 2, 4, 8), 4),
}
PATIENCE_S, START_MS = 900, 60_000  # for the runs; for one thing to appear, torch loaded on a busy machine


@dataclass
class Lecturer:
    """Somebody at the page, whose clicks and typed values are counted; a key held on a slider counts as one drag."""

    page: Page
    clicks: int = 0
    typed: int = 0

    def click(self, what: Locator) -> None:
        """Click once."""
        what.click()
        self.clicks += 1

    def turn(self, key: str, value: float) -> None:
        """Set a number by typing it where there is a box, else by its slider, which is one drag."""
        box = self.page.locator(f"[class*=st-key-{key}] input[type=number]").first
        if box.count():
            box.fill(f"{value:g}")
            box.press("Enter")
            self.typed += 1
        else:
            slider = self.page.locator(f"[class*=st-key-{key}] input[type=range]").first
            slider.focus()
            while (now := float(slider.input_value())) != value:
                before = slider.input_value()
                slider.press("ArrowRight" if now < value else "ArrowLeft")
                expect(slider).not_to_have_value(before)
            self.clicks += 1
        lab.settle(self.page)


def ask(lecturer: Lecturer, name: str, done: set[float]) -> None:
    """Start the runs of one question; a value whose run is there already is not run again."""
    key, _title, values, usual = PLAN[name]
    lecturer.click(lecturer.page.get_by_role("link", name="Distill", exact=True).first)
    expect(lecturer.page.get_by_role("button", name="Run", exact=True)).to_be_enabled()
    lab.settle(lecturer.page)
    for value in [value for value in values if value not in done]:
        before = len(store().runs())
        lecturer.turn(key, value)
        lecturer.click(lecturer.page.get_by_role("button", name="Run", exact=True))
        wait_until(lambda before=before: len(store().runs()) == before + 1)
        lab.settle(lecturer.page)
    lecturer.turn(key, usual)


def wait_until(holds: object) -> None:
    """Wait for something in the store.

    Raises:
        TimeoutError: it did not come.
    """
    deadline = time.monotonic() + PATIENCE_S
    while not holds():
        if time.monotonic() > deadline:
            raise TimeoutError("the store does not come to what is waited for")
        time.sleep(0.2)


def look(lecturer: Lecturer, name: str) -> str:
    """Open the chart of a question on Compare and return its address."""
    _key, title, _values, _usual = PLAN[name]
    wait_until(lambda: not store().active_states())
    lecturer.click(lecturer.page.get_by_role("link", name="Compare", exact=True).first)
    lab.settle(lecturer.page)
    lecturer.click(lecturer.page.locator("[class*=st-key-compare-series]").get_by_role("link", name=title))
    chart = lecturer.page.locator(f'.live-chart[aria-label^="Test accuracy over {title}"]')
    expect(chart.locator(".xtick").first).to_be_visible()
    lab.settle(lecturer.page)
    return lecturer.page.url


def give(browser: Browser, address: str) -> None:
    """Carry the plan out and print what it took."""
    expect.set_options(timeout=START_MS)
    page = browser.new_context(base_url=address, viewport=lab.WIDE).new_page()
    page.set_default_timeout(START_MS)
    page.goto("/")
    lab.settle(page)
    print(f"{'question':<14}{'clicks':>8}{'typed':>8}{'runs':>6}")
    for name, (_key, _title, _values, usual) in PLAN.items():
        lecturer, before = Lecturer(page), len(store().runs(states=(FINISHED,)))
        ask(lecturer, name, {usual} if before else set())
        url = look(lecturer, name)
        runs = len(store().runs(states=(FINISHED,))) - before
        print(f"{name:<14}{lecturer.clicks:>8}{lecturer.typed:>8}{runs:>6}")
        take_pictures(browser, url, name)


def take_pictures(browser: Browser, url: str, name: str) -> None:
    """Take what a visitor with the link sees first, wide and narrow, in light and dark."""
    for size_name, size in (("wide", lab.WIDE), ("narrow", lab.NARROW)):
        for shade in ("light", "dark"):
            context = browser.new_context(viewport=size, color_scheme=shade)
            page = context.new_page()
            page.goto(url)
            page.locator(".live-chart .xtick").first.wait_for()
            lab.settle(page)
            lab.shoot(page, f"lecture-{name}-{size_name}-{shade}")
            context.close()


def main() -> None:
    """Read the command line and give the lecture."""
    parser = argparse.ArgumentParser(description="Carry out a lecturer's plan and count the clicks.")
    parser.add_argument("--server", help="the address of an app that runs already")
    parser.add_argument("--home", help="the folder of its store")
    given = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, lab.browser() as browser:
        os.environ["LAB_HOME"] = given.home or folder
        server = None if given.server else lab.start(Path(folder))
        try:
            give(browser, given.server or server.address)
        finally:
            if server is not None:
                server.end()
                lab.end_supervisor(Path(folder))


if __name__ == "__main__":
    main()
