"""How long a person waits for pages, the first point, a verdict and a slider, in a real Chromium; what watching costs."""

import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
from playwright.sync_api import Browser, Error, Page, expect

from benchmarks.figures import Figure, spread
from benchmarks.stopwatch import PATIENCE_MS, milliseconds, open_quietly, slide
from tests.browser import lab

COLD_STARTS, VISITS, RUNS, WHOLE_RUNS, SLIDES = 3, 5, 5, 3, 12
WARM_UP_MS, PAUSE_MS = 8_000, 800
TABS, WATCHES, WATCH_S = 5, 4, 5
PLACES = ("Distill", "Compress", "Compare", "Runs", "Home")
CHART, HEAD = "document.querySelector('.live-chart')", "document.querySelector('[data-testid=stMain] h1')?.innerText"
DRAWN = {
    "Distill": f"{CHART}?.querySelector('.main-svg')",
    "Compress": f"{CHART}?.querySelector('.scatterlayer .point')",
    "Compare": f"{CHART}?.querySelector('.scatterlayer .point')",
    "Runs": "document.querySelector('[data-testid=stDataFrame] canvas')",
    "Home": "document.querySelector('.js-plotly-plot .main-svg')",
}
LONG_RUN = "/distill?epochs=300&seeds=10"


def measure() -> Iterator[Figure]:
    """Yield the figures of the pages, all but the cold starts from one server."""
    with tempfile.TemporaryDirectory() as folder, lab.browser() as browser:
        yield cold_start(browser, Path(folder))
        server = lab.start(Path(folder) / "warm")
        try:
            page = browser.new_context(base_url=server.address, viewport=lab.WIDE).new_page()
            page.set_default_timeout(PATIENCE_MS)
            open_quietly(page, "/distill")
            page.wait_for_timeout(WARM_UP_MS)
            yield first_point(page)
            yield verdict(page)
            yield from further_pages(page)
            yield distill_slider(page)
            yield from compress_sliders(page)
            yield live_chart(page)
            yield watching(page, server)
        finally:
            server.end()
            lab.end_supervisor(server.home)


def cold_start(browser: Browser, folder: Path) -> Figure:
    """Measure the time from the command, on a fresh store and with an empty browser cache, to the first painted page."""
    seconds = []
    for number in range(COLD_STARTS):
        context = browser.new_context(viewport=lab.WIDE)
        page = context.new_page()
        began = time.perf_counter()
        server = lab.start(folder / f"cold-{number}", wait=False)
        try:
            _reach(page, server.address)
            page.locator(".js-plotly-plot .main-svg").first.wait_for()
            seconds.append(time.perf_counter() - began)
        finally:
            context.close()
            server.end()
            lab.end_supervisor(server.home)
    how = f"Home with its chart, median of {COLD_STARTS}, fresh store and browser cache"
    return Figure("Command to the first painted page", spread(seconds, "s", 1), "under 4 s", how)


def _reach(page: Page, address: str) -> None:
    deadline = time.monotonic() + PATIENCE_MS / 1000
    while True:
        try:
            page.goto(address)
            return
        except Error:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.02)


def run_button(page: Page) -> None:
    """Press Run."""
    page.get_by_role("button", name="Run", exact=True).click()


def first_point(page: Page) -> Figure:
    """Measure the time from Run to the first point of a curve, on the page as it comes, with the engine warm."""
    taken = []
    for _repeat in range(RUNS):
        taken.append(milliseconds(page, "click", lambda: run_button(page), f"({lab.POINTS})('baseline') > 0"))
        page.get_by_role("button", name="Cancel", exact=True).click()
        expect(page.get_by_text("This run was cancelled")).to_be_visible(timeout=PATIENCE_MS)
        page.wait_for_timeout(PAUSE_MS)
        open_quietly(page, "/distill")
    return Figure("Run pressed to the first live point", _ms(taken), "under 1 s", f"Distill as it comes, warm, {_of(taken)}")


def verdict(page: Page) -> Figure:
    """Measure the default distillation from Run to the painted verdict."""
    shown = "document.querySelector('[class*=st-key-verdict]')"
    taken, words = [], set()
    for _repeat in range(WHOLE_RUNS):
        page.context.clear_cookies()  # a new person, to whom no earlier verdict is shown
        open_quietly(page, "/distill")
        taken.append(milliseconds(page, "click", lambda: run_button(page), shown) / 1000)
        words.add(page.locator("[class*=st-key-verdict]").inner_text().partition("?")[2].split()[0].strip(":."))
    value = f"{spread(taken, 's', 1)}, verdict {', '.join(sorted(words))}"
    return Figure("Default distillation in the browser", value, "under 20 s, yes", f"Run to verdict, median of {WHOLE_RUNS}")


def further_pages(page: Page) -> Iterator[Figure]:
    """Measure the time from a click in the sidebar to the page's own charts and tables, a run being there to show."""
    taken: dict[str, list[float]] = {name: [] for name in PLACES}
    for visit in range(VISITS + 1):
        for name in PLACES:
            link = page.get_by_test_id("stSidebarNav").get_by_role("link", name=name)
            painted = milliseconds(page, "click", link.click, f"{HEAD} {_title(name)} && {DRAWN[name]}")
            page.wait_for_timeout(PAUSE_MS)
            if visit:
                taken[name].append(painted)
    for name, times in taken.items():
        yield Figure(f"Click to {name} painted", _ms(times), "under 300 ms", f"charts and tables included, {_of(times)}")


def _title(name: str) -> str:
    return "" if name == "Home" else f"=== '{name}'"


def distill_slider(page: Page) -> Figure:
    """Measure the time from a slider's release to the formula with its value."""
    open_quietly(page, "/distill?seeds=2")
    taken = []
    for turn in range(SLIDES):
        page.evaluate("window.before = document.querySelector('.katex').innerText")
        changed = "document.querySelector('.katex').innerText !== window.before"
        taken.append(slide(page, "Temperature T", 0.2 + 0.05 * turn, changed))
        page.wait_for_timeout(PAUSE_MS)
    return Figure("Slider released to the changed formula, Distill", _ms(taken), "under 150 ms", f"digits, T, {_of(taken)}")


def compress_sliders(page: Page) -> Iterator[Figure]:
    """Measure the time from a slider's release to both charts and the numbers above them drawn anew."""
    open_quietly(page, "/compress")
    page.wait_for_timeout(4 * PAUSE_MS)
    note = "[...document.querySelectorAll('.live-chart')].map(chart => JSON.stringify(chart.data))"
    numbers = "document.querySelector('.figures').innerText"
    changed = f"{note}.every((data, index) => data !== window.before[index]) && {numbers} !== window.numbers"
    for label, first, step in (("Sparsity", 0.3, 0.04), ("Bits", 0.04, 1 / 15)):
        taken = []
        for turn in range(SLIDES):
            page.evaluate(f"window.before = {note}; window.numbers = {numbers}")
            taken.append(slide(page, label, first + step * turn, changed))
            page.wait_for_timeout(PAUSE_MS)
        how = f"digits, both charts and the numbers, {PAUSE_MS / 1000:g} s between moves, {_of(taken)}"
        yield Figure(f"Slider released to the changed picture, Compress, {label.lower()}", _ms(taken), "under 150 ms", how)


def live_chart(page: Page) -> Figure:
    """See whether a growing chart keeps its node, the reader's zoom and a hidden entry over 20 refreshes."""
    open_quietly(page, LONG_RUN)
    run_button(page)
    page.wait_for_function(f"({lab.POINTS})('baseline') > 1")
    page.locator(".live-chart .legendtoggle").nth(2).click()
    page.wait_for_function(f"{CHART}._fullData.some(trace => trace.visible === 'legendonly')")
    box = page.locator(".live-chart .nsewdrag").first.bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.8, steps=8)
    page.mouse.up()
    state = (
        "[node._fullLayout.xaxis.range, node._fullData.filter(trace => trace.visible === 'legendonly').map(trace => trace.uid)]"
    )
    page.wait_for_function(f"{CHART}._fullLayout.xaxis.range[0] > 1")
    page.evaluate(f"""() => {{
        const node = window.node = {CHART}; window.svg = node.querySelector('.main-svg'); window.draws = 0;
        window.kept = JSON.stringify({state}); node.on('plotly_afterplot', () => {{ window.draws += 1; }});
    }}""")
    page.wait_for_function("window.draws >= 20")
    kept = page.evaluate(f"""() => {{ const node = {CHART};
        return [node === window.node && window.svg.isConnected, JSON.stringify({state}) === window.kept]; }}""")
    value = f"{'same' if kept[0] else 'another'} node, zoom and hidden entries {'kept' if kept[1] else 'lost'}"
    return Figure("A live chart after 20 refreshes", value, "same node, kept", "Distill, a run at work, after a zoom by mouse")


def watching(page: Page, server: lab.Server) -> Figure:
    """Measure the server's CPU time while tabs watch the run that is at work."""
    tabs = [page, *(page.context.new_page() for _tab in range(TABS - 1))]
    for tab in tabs:
        tab.goto(page.url)
        tab.wait_for_function(f"({lab.POINTS})('baseline') > 1", timeout=PATIENCE_MS)
    page.wait_for_timeout(2_000)
    process = psutil.Process(server.process.pid)
    shares = []
    for _watch in range(WATCHES):
        before, began = process.cpu_times(), time.perf_counter()
        page.wait_for_timeout(1000 * WATCH_S)
        after, passed = process.cpu_times(), time.perf_counter() - began
        shares.append(100 * (after.user + after.system - before.user - before.system) / passed)
    page.get_by_role("button", name="Cancel", exact=True).click()
    expect(page.get_by_text("This run was cancelled")).to_be_visible(timeout=PATIENCE_MS)
    how = f"one live run, CPU time of the server's process, median of {WATCHES} times {WATCH_S} s"
    return Figure(f"Server's CPU watched by {TABS} tabs", f"{spread(shares, '%')} of a core", "under 30 %", how)


def _ms(taken: list[float]) -> str:
    return spread(taken, "ms")


def _of(taken: list[float]) -> str:
    return f"median of {len(taken)}"
