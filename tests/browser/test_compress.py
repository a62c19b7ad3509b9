"""Compress in a real browser: both pictures follow the sliders, and a run recovers, survives a reload and adds its points."""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Page, expect

from tests.browser import lab

WHOLE_RUN_MS = 120_000
CHARTS = {"sparsity": 0, "bits": 1, "epochs": 2}
QUICK = "/compress?seeds=1&epochs=30"


@pytest.fixture(autouse=True)
def nothing_goes_wrong(page: Page) -> Iterator[None]:
    """Fail when the page complains on its console, asks in vain, or asks another machine."""
    heard = lab.complaints(page)
    yield
    assert heard == []


def points(page: Page, knob: str, trace: str) -> list[list[float]]:
    """Return the points of a trace in the chart over a knob."""
    script = """([place, name]) => {
        const trace = document.querySelectorAll('.live-chart')[place]?.data?.find(trace => (trace.meta ?? trace.name) === name);
        return trace ? trace.x.map((x, index) => [x, trace.y[index]]).filter(([x]) => x !== null) : [];
    }"""
    return page.evaluate(script, [CHARTS[knob], trace])


def wait_for_points(page: Page, knob: str, trace: str, count: int) -> list[list[float]]:
    """Wait until a trace has at least that many points, and return them."""
    for _attempt in range(lab.PATIENCE_MS // 100):
        if len(found := points(page, knob, trace)) >= count:
            return found
        page.wait_for_timeout(100)
    raise AssertionError(f"{trace} over {knob} has {len(points(page, knob, trace))} points")


def test_both_pictures_follow_a_slider(page: Page) -> None:
    page.goto("/compress")
    wait_for_points(page, "bits", "before recovery-accuracy", 6)
    wait_for_points(page, "sparsity", "before recovery-size_bytes", 12)
    over_bits = points(page, "bits", "before recovery-accuracy")
    page.evaluate("window.nodes = [...document.querySelectorAll('.live-chart')]")

    slider = page.get_by_role("slider", name="Sparsity")
    slider.focus()
    for _press in range(5):
        slider.press("ArrowLeft")
    expect(slider).to_have_value("0.75")
    page.wait_for_function("document.querySelector('.live-chart').layout.shapes[0].x0 === 0.75")
    page.wait_for_url(re.compile(r"sparsity=0\.75"))
    expect(page.locator(".figures")).to_contain_text("simulated on 259 validation images")
    lab.settle(page)

    (here,) = wait_for_points(page, "sparsity", "your setting-accuracy", 1)
    assert here[0] == 0.75
    assert here in points(page, "sparsity", "before recovery-accuracy")
    moved = wait_for_points(page, "bits", "before recovery-accuracy", 6)
    assert [bits for bits, _accuracy in moved] == [bits for bits, _accuracy in over_bits]
    assert moved != over_bits
    assert page.evaluate("window.nodes.every((node, place) => node === document.querySelectorAll('.live-chart')[place])")


def test_a_run_recovers_outlives_a_reload_and_adds_its_points(page: Page) -> None:
    page.goto(QUICK)
    wait_for_points(page, "sparsity", "your setting-accuracy", 1)
    page.get_by_role("button", name="Run compression").click()
    seen = wait_for_points(page, "epochs", "compressed-val_accuracy", 2)
    page.reload()
    assert wait_for_points(page, "epochs", "compressed-val_accuracy", 3)[:2] == seen[:2]
    lab.shoot(page, "compress-running")

    expect(page.locator("[class*=st-key-verdict]")).to_contain_text(
        "Does compression cost at most 1 point?", timeout=WHOLE_RUN_MS
    )
    expect(page.get_by_text("Layers before and after")).to_be_visible()
    expect(page.get_by_test_id("stDataFrame")).to_be_visible()
    expect(page.get_by_text(re.compile(r"In all [\d,]+ of 24,170 parameters are not zero"))).to_be_visible()
    expect(page.locator(".role-card")).to_have_count(2)
    for knob, place in (("sparsity", 0.8), ("bits", 4)):
        ((value, after),) = wait_for_points(page, knob, "after recovery-accuracy", 1)
        ((_value, before),) = points(page, knob, "your setting-accuracy")
        assert value == place
        assert after > before + 0.05
    lab.shoot(page, "compress-verdict")

    with page.expect_download() as download:
        page.get_by_role("button", name=re.compile("^Download seed")).nth(1).click()
    assert download.value.suggested_filename.endswith(".compact")
    size = page.locator(".role-card").nth(1).inner_text()
    with open(download.value.path(), "rb") as file:
        assert f"{len(file.read()) / 1000:.2f} KB" in size


def test_on_a_narrow_screen_nothing_sticks_out(page: Page) -> None:
    page.set_viewport_size(lab.NARROW)
    page.goto("/compress")
    wait_for_points(page, "bits", "before recovery-accuracy", 6)
    lab.settle(page)
    assert page.evaluate("document.documentElement.scrollWidth") <= lab.NARROW["width"]
    for chart in page.locator(".live-chart").all():
        box = chart.bounding_box()
        assert box["x"] >= 0
        assert box["x"] + box["width"] <= lab.NARROW["width"]
