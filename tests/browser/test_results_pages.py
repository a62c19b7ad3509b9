"""Compare and Runs in a real browser: what a click does, what stays after a reload, what changes by itself."""

import hashlib
import threading
from collections.abc import Callable, Iterator

import pytest
from playwright.sync_api import Locator, Page, expect

from compression.runs import store
from compression.runs.records import FINISHED
from tests.browser import lab
from tests.pages.stored_runs import TOKEN, distilled, finished, started, told
from ui.server.identity import COOKIE

ROW_HEIGHT, CHECKBOX = 35, 17  # pixels


@pytest.fixture(autouse=True)
def _same_home(server: lab.Server, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let this process write into the server's store, emptied first."""
    monkeypatch.setenv("LAB_HOME", str(server.home))
    monkeypatch.delenv("LAB_DATABASE_URL", raising=False)
    for run in store().runs():
        store().finish(run.id, TOKEN, "cancelled")
        store().delete(run.id)


@pytest.fixture
def at_work() -> Iterator[Callable[..., str]]:
    """Start runs whose leases are renewed while a test lasts, as their worker would, else the supervisor ends them after 10 s."""
    runs, over = list[str](), threading.Event()

    def start(owner: str) -> str:
        runs.append(started(owner))
        return runs[-1]

    def renew() -> None:
        while not over.wait(1.0):
            for run in runs:
                store().append(run, TOKEN, [])

    renewing = threading.Thread(target=renew)
    renewing.start()
    yield start
    over.set()
    renewing.join()


def open_page(page: Page, path: str) -> str:
    """Open a page, wait until it is drawn, and return who the browser is, as the store knows them."""
    page.goto(path)
    lab.settle(page)
    value = next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == COOKIE)
    return "guest-" + hashlib.sha256(value.encode()).hexdigest()[:16]


def wait_for_address(page: Page, **wanted: str) -> None:
    """Wait until the page's address carries these settings; an empty text stands for none."""
    script = """wanted => {
        const now = new URLSearchParams(location.search);
        return Object.entries(wanted).every(([name, text]) => (now.get(name) ?? "") === text);
    }"""
    page.wait_for_function(script, arg=wanted)


def mark_row(page: Page, row: int) -> None:
    """Click the checkbox of a row in the page's first table."""
    box = page.locator("[data-testid=stDataFrame] canvas").first.bounding_box()
    page.mouse.click(box["x"] + CHECKBOX, box["y"] + ROW_HEIGHT * (row + 1) + CHECKBOX)


def test_a_click_on_a_point_opens_its_run(page: Page) -> None:
    finished(title="other", result=distilled(0.70))
    run = finished(title="wanted", result=distilled(0.96))
    open_page(page, "/compare?role=student&find=wanted")
    points = page.locator(".live-chart .scatterlayer .points path")
    expect(points).to_have_count(1)
    points.first.click(force=True)
    page.wait_for_url(f"**/runs?*run={run}*")
    expect(page.get_by_role("heading", name="wanted: CNN (width 4) learns from CNN (width 32)")).to_be_visible()
    expect(page.get_by_text("with the teacher, 93.0 % without: +3.0 points")).to_be_visible()
    lab.shoot(page, "results-run")


def test_marked_rows_stand_side_by_side_after_a_filter_and_a_reload(page: Page) -> None:
    cold = finished(loss={"name": "kd", "temperature": 2})
    hot = finished(loss={"name": "kd", "temperature": 8}, result=distilled(0.97))
    open_page(page, "/compare?role=student")
    page.locator("[data-testid=stDataFrame] canvas").first.wait_for()
    mark_row(page, 0)
    expect(page.get_by_text("Mark a model of another run")).to_be_visible()
    wait_for_address(page, runs=hot)
    mark_row(page, 1)
    expect(page.get_by_role("heading", name="Temperature T: 2, 8")).to_be_visible()
    wait_for_address(page, runs=f"{hot},{cold}")
    expect(names_in_chart(page, "Accuracy of every finished model")).to_have_text(["temperature 8", "temperature 2"])
    finder = page.get_by_placeholder("Network, setting, title, owner")
    finder.fill("temperature 8")
    finder.press("Enter")
    expect(page.get_by_text("1 network.", exact=False)).to_be_visible()
    wait_for_address(page, role="student", runs=f"{hot},{cold}", find="temperature 8")
    page.reload()
    lab.settle(page)
    expect(page.get_by_role("heading", name="Temperature T: 2, 8")).to_be_visible()
    expect(page.get_by_text("1 network.", exact=False)).to_be_visible()
    page.get_by_role("button", name="Clear", exact=True).click()
    expect(page.get_by_role("heading", name="Temperature T: 2, 8")).to_have_count(0)
    lab.shoot(page, "results-compare")


def names_in_chart(page: Page, label: str) -> Locator:
    """Return the words beside the points of a chart."""
    return page.locator(f'.live-chart[aria-label^="{label}"] .scatterlayer .textpoint')


def temperatures(*values: float) -> list[str]:
    """Put a finished run for each temperature into the store and return their ids."""
    return [finished(loss={"name": "kd", "temperature": value}, result=distilled(0.93 + value / 1000)) for value in values]


def test_a_shared_link_opens_on_the_comparison(page: Page) -> None:
    open_page(page, f"/compare?runs={','.join(temperatures(20, 1, 4))}")
    heading = page.get_by_role("heading", name="Temperature T: 1, 4, 20")
    chart = page.locator('.live-chart[aria-label^="Test accuracy over Temperature T"]')
    expect(heading).to_be_in_viewport()
    expect(chart).to_be_in_viewport(ratio=0.9)
    expect(chart.locator(".xtick")).to_have_text(["1", "4", "20"])
    expect(chart.locator(".legendtext")).to_have_text(["Teacher", "Baseline", "Student"])
    lab.shoot(page, "results-shared-link")


def test_a_narrow_screen_cuts_no_name_of_a_run(page: Page) -> None:
    rates = ((3, 0.2, "onecycle"), (40, 2, "constant"), (300, 0.1, "cosine"))
    runs = [finished(train={"epochs": epochs, "lr": rate, "schedule": schedule}) for epochs, rate, schedule in rates]
    page.set_viewport_size(lab.NARROW)
    open_page(page, f"/compare?runs={','.join(runs)}")
    for kind in (".legendtext", ".textpoint text"):
        names = page.locator(f".live-chart {kind}")
        expect(names.filter(has_text="Run A")).not_to_have_count(0)
        for name in names.all():
            box, chart = (
                name.bounding_box(),
                name.locator("xpath=ancestor::*[contains(@class, 'live-chart')]").first.bounding_box(),
            )
            assert chart["x"] <= box["x"]
            assert box["x"] + box["width"] <= chart["x"] + chart["width"]


def test_every_chart_can_be_saved_as_a_picture(page: Page) -> None:
    settings = ({"temperature": 2, "alpha": 0.5}, {"temperature": 8, "alpha": 0.9})
    runs = [finished(loss={"name": "kd", **chosen}) for chosen in settings]
    open_page(page, f"/compare?runs={','.join(runs)}")
    charts = page.locator(".live-chart:has(.modebar)")
    expect(charts).to_have_count(3)
    for chart in charts.all():
        chart.hover()
        with page.expect_download() as saved:
            chart.locator(".modebar-btn").first.click()
        picture = saved.value.path().read_bytes()
        assert picture.startswith(b"\x89PNG")
        assert int.from_bytes(picture[16:20]) == 2400  # pixels across


def test_a_chart_is_used_by_keyboard_alone(page: Page) -> None:
    cold, _warm, _hot = temperatures(1, 4, 20)
    open_page(page, f"/compare?runs={','.join([cold, _warm, _hot])}")
    chart = page.locator('.live-chart[aria-label^="Test accuracy over Temperature T"]')
    expect(chart.locator(".modebar-btn")).to_have_count(2)
    chart.locator(".modebar-btn").first.focus()
    with page.expect_download() as saved:
        page.keyboard.press("Enter")
    assert saved.value.suggested_filename == "test-accuracy-over-temperature-t.png"
    chart.focus()
    for key in ("ArrowDown", "ArrowDown", "ArrowDown", "ArrowRight", "ArrowLeft"):
        page.keyboard.press(key)
    expect(chart.locator(".hoverlayer .hovertext")).to_contain_text("93.1 %")
    page.keyboard.press("Enter")
    page.wait_for_url(f"**/runs?*run={cold}*")


def test_rows_are_marked_by_keyboard_alone(page: Page) -> None:
    cold, hot = temperatures(1, 20)
    open_page(page, "/compare?role=student")
    table = page.locator("[data-testid=stDataFrame] canvas").first
    table.wait_for()
    table.focus()
    page.keyboard.press("Shift+Space")
    wait_for_address(page, runs=hot)
    page.keyboard.press("ArrowDown")
    page.keyboard.press("Shift+Space")
    wait_for_address(page, runs=f"{hot},{cold}")


def test_several_runs_marked_on_runs_open_side_by_side(page: Page) -> None:
    first, second, _third = temperatures(1, 4, 20)
    open_page(page, "/runs")
    page.locator("[data-testid=stDataFrame] canvas").first.wait_for()
    mark_row(page, 2)
    expect(page.get_by_role("heading", name="CNN (width 4) learns from CNN (width 32)")).to_be_visible()
    mark_row(page, 1)
    page.get_by_role("link", name="Compare the 2 marked runs").click()
    expect(page.get_by_role("heading", name="Temperature T: 1, 4")).to_be_in_viewport()
    wait_for_address(page, runs=f"{first},{second}")


def test_a_running_run_moves_by_itself_and_ends_with_its_verdict(page: Page, at_work: Callable[..., str]) -> None:
    run = at_work("ada")
    told(run, {"type": "stage", "stage": "student", "text": "Student, seed 1 of 5"})
    open_page(page, f"/runs?run={run}")
    progress = page.locator("[data-testid=stProgress]")
    expect(progress).to_contain_text("Student, seed 1 of 5")
    told(run, {"type": "stage", "stage": "student", "text": "Student, seed 2 of 5"})
    values = {"val_accuracy": 0.5, "val_loss": 1.0}
    told(run, *({"type": "metric", "role": "student", "seed": 0, "epoch": float(epoch), "values": values} for epoch in range(3)))
    expect(progress).to_contain_text("Student, seed 2 of 5")
    expect(page.locator(".live-chart .scatterlayer")).to_have_count(2)
    store().finish(run, TOKEN, FINISHED, result=distilled())
    expect(page.get_by_text("with the teacher, 93.0 % without: +3.0 points")).to_be_visible()
    expect(progress).to_have_count(0)


def test_cancel_and_delete_ones_own_run(page: Page, at_work: Callable[..., str]) -> None:
    me = open_page(page, "/runs")
    expect(page.get_by_role("heading", name="No runs yet")).to_be_visible()
    run, kept = at_work(me), finished("ada")
    open_page(page, f"/runs?run={run}")
    page.get_by_role("button", name="Cancel").click()
    expect(page.get_by_role("button", name="Cancelling …")).to_be_disabled()
    assert store().run(run).cancelling
    store().finish(run, TOKEN, "cancelled")
    page.get_by_role("button", name="Delete").click()
    page.get_by_role("button", name="Delete for good").click()
    expect(page.get_by_text("Choose a run in the table")).to_be_visible()
    assert [left.id for left in store().runs()] == [kept]
    wait_for_address(page, run="")
    mark_row(page, 0)
    expect(page.get_by_text("This run belongs to ada")).to_be_visible()
    wait_for_address(page, run=kept)
    expect(page.get_by_role("button", name="Delete")).to_have_count(0)
