"""The live chart in a real browser: what the reader did to it outlives its refreshes."""

import contextlib
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from tests.browser import lab

APP = Path(__file__).parent / "live_chart" / "app.py"
CHART = ".live-chart"
REFRESHES = 22


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a server with one growing chart."""
    port, home = lab.free_port(), tmp_path_factory.mktemp("chart")
    command = [sys.executable, "-m", "streamlit", "run", str(APP), "--server.port", str(port), "--server.address", "127.0.0.1"]
    with (home / "server.log").open("ab") as log:
        process = subprocess.Popen(command, cwd=lab.ROOT, stdout=log, stderr=log)
    server = lab.Server(f"http://127.0.0.1:{port}", home, process)
    lab.wait_for_health(server)
    yield server.address
    server.end()


@contextlib.contextmanager
def opened(browser: Browser, address: str) -> Iterator[Page]:
    """Open a tab and wait until the chart has drawn itself."""
    context = browser.new_context(viewport=lab.WIDE, color_scheme="light")
    context.set_default_timeout(lab.PATIENCE_MS)
    page = context.new_page()
    page.goto(address)
    page.wait_for_selector(f"{CHART} .scatterlayer .trace path", state="attached")
    yield page
    context.close()


@pytest.fixture
def chart(browser: Browser, address: str) -> Iterator[Page]:
    """A tab of a test's own."""
    with opened(browser, address) as page:
        yield page


@pytest.fixture(scope="module")
def shared_chart(browser: Browser, address: str) -> Iterator[Page]:
    """A tab for tests that change nothing which another one looks at; they come last, since its chart grows on."""
    with opened(browser, address) as page:
        yield page


def refreshes(page: Page) -> int:
    """Return how often the chart was drawn."""
    return int(re.search(r"refresh (\d+)", page.inner_text("body")).group(1))


def wait_for_refreshes(page: Page, count: int) -> None:
    """Wait until the chart was drawn again that many times."""
    target = refreshes(page) + count
    page.wait_for_function(f"Number(document.body.innerText.match(/refresh (\\d+)/)[1]) >= {target}", timeout=60_000)


def range_of(page: Page, axis: str) -> list[float]:
    return [round(value, 6) for value in page.evaluate(f"document.querySelector('{CHART}')._fullLayout.{axis}.range")]


def visible(page: Page) -> dict[str, object]:
    """Return whether each trace shows, by its identity."""
    script = f"Object.fromEntries(document.querySelector('{CHART}')._fullData.map(trace => [trace.uid, trace.visible]))"
    return page.evaluate(script)


def drag(page: Page) -> None:
    """Zoom by dragging a rectangle over the middle of the plot."""
    box = page.locator(f"{CHART} .nsewdrag").bounding_box()
    page.mouse.move(box["x"] + box["width"] * 0.2, box["y"] + box["height"] * 0.2)
    page.mouse.down()
    page.mouse.move(box["x"] + box["width"] * 0.7, box["y"] + box["height"] * 0.8, steps=8)
    page.mouse.up()


def test_zoom_hidden_entries_and_node_outlive_refreshes(chart: Page) -> None:
    whole = range_of(chart, "xaxis"), range_of(chart, "yaxis")
    chart.evaluate(f"""() => {{
        const node = window.node = document.querySelector('{CHART}');
        window.svg = node.querySelector('.main-svg');
        window.emptied = 0;
        new MutationObserver(() => {{ window.emptied += !node.querySelector('.scatterlayer .trace'); }})
            .observe(node, {{ childList: true, subtree: true }});
    }}""")
    chart.locator(f"{CHART} .legendtoggle").nth(1).click()
    chart.wait_for_function(f"document.querySelector('{CHART}')._fullData.some(trace => trace.visible === 'legendonly')")
    drag(chart)
    chart.wait_for_function(f"document.querySelector('{CHART}')._fullLayout.xaxis.range[0] > {whole[0][0] + 1}")
    zoomed, hidden = (range_of(chart, "xaxis"), range_of(chart, "yaxis")), visible(chart)
    points = "document.querySelector('.live-chart').data.find(trace => trace.uid === 'student-val_accuracy').x.length"
    before = chart.evaluate(points)  # first, since the chart may grow before its refreshes are counted
    drawn = refreshes(chart)

    wait_for_refreshes(chart, REFRESHES)

    assert refreshes(chart) - drawn >= 20
    assert chart.evaluate(points) >= before + 20
    assert (range_of(chart, "xaxis"), range_of(chart, "yaxis")) == zoomed != whole
    assert visible(chart) == hidden
    assert {uid for uid, shown in hidden.items() if shown == "legendonly"} == {
        "baseline-val_accuracy",
        "baseline-val_accuracy-band",
    }
    assert chart.evaluate(f"window.node === document.querySelector('{CHART}') && window.svg.isConnected")
    assert chart.evaluate("window.emptied") == 0

    box = chart.locator(f"{CHART} .nsewdrag").bounding_box()
    chart.mouse.dblclick(box["x"] + box["width"] / 2, box["y"] + box["height"] / 2)
    chart.wait_for_function(f"document.querySelector('{CHART}')._fullLayout.xaxis.range[0] == {whole[0][0]}")
    wait_for_refreshes(chart, 2)
    assert range_of(chart, "xaxis") == whole[0]


def test_width_follows_the_window(chart: Page) -> None:
    chart.set_viewport_size(lab.NARROW)
    chart.wait_for_function(f"document.querySelector('{CHART}')._fullLayout.width < 390")
    assert chart.evaluate("document.documentElement.scrollWidth") <= 390


def test_colours_follow_the_theme_while_the_chart_lives(chart: Page) -> None:
    colour = f"document.querySelector('{CHART}')._fullLayout.font.color"
    light = chart.evaluate(colour)
    chart.emulate_media(color_scheme="dark")
    chart.wait_for_function(f"{colour} !== {light!r}")
    chart.evaluate(f"document.body.appendChild(new Option()).style.color = {colour}")
    page_text = chart.evaluate("getComputedStyle(document.querySelector('[data-testid=stApp]')).color")
    assert chart.evaluate("getComputedStyle(document.body.lastChild).color") == page_text


def test_nothing_else_moves_and_the_height_stays(shared_chart: Page) -> None:
    below = shared_chart.get_by_text("clicked").bounding_box()["y"]
    height = shared_chart.locator(CHART).bounding_box()["height"]
    wait_for_refreshes(shared_chart, 5)
    assert shared_chart.get_by_text("clicked").bounding_box()["y"] == below
    assert shared_chart.locator(CHART).bounding_box()["height"] == height == 320


def test_a_click_on_a_point_reaches_python(shared_chart: Page) -> None:
    assert "clicked nothing" in shared_chart.inner_text("body")
    shared_chart.evaluate(
        f"""document.querySelector('{CHART}').emit('plotly_click', {{ points: [{{ customdata: 'chosen' }}] }})"""
    )
    shared_chart.get_by_text("clicked chosen").wait_for()


def test_plotly_comes_from_this_server_and_may_be_kept(shared_chart: Page, address: str) -> None:
    sources = shared_chart.evaluate("[...document.scripts].map(script => script.src)")
    (source,) = [source for source in sources if "plotly" in source]
    assert source.startswith(address)
    answer = shared_chart.request.get(source)
    assert answer.ok
    assert "immutable" in answer.headers["cache-control"]


def test_nothing_reaches_out_of_a_charts_box_which_would_give_it_a_scrollbar(shared_chart: Page) -> None:
    reaches_out = shared_chart.evaluate(
        f"""() => {{
            const box = document.querySelector('{CHART}').closest('[data-testid=stElementContainer]');
            return [box.scrollHeight - box.clientHeight, box.scrollWidth - box.clientWidth];
        }}"""
    )
    assert reaches_out == [0, 0]
