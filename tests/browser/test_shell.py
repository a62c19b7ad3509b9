"""The frame of the app in a real browser: navigation, deep links on a fresh server, identity, errors in one sentence."""

import re
from pathlib import Path

from playwright.sync_api import Browser, Page, expect

from tests.browser import lab

PAGES = {
    "Home": "/",
    "Distill": "/distill",
    "Compress": "/compress",
    "Temperature": "/temperature",
    "Papers": "/papers",
    "Compare": "/compare",
    "Runs": "/runs",
}


def person(page: Page) -> str:
    """Return the value of the identity cookie."""
    return next(cookie["value"] for cookie in page.context.cookies() if cookie["name"] == "lab_person")


def test_every_page_is_reached_from_the_sidebar_and_names_itself(page: Page) -> None:
    page.goto("/")
    for name, path in PAGES.items():
        page.get_by_test_id("stSidebarNav").get_by_role("link", name=name).click()
        expect(page).to_have_title(f"{name} · Compression Lab")
        expect(page).to_have_url(re.compile(re.escape(path) + r"(\?.*)?$"))
        expect(page.get_by_test_id("stMain").get_by_role("heading", level=1)).to_be_visible()
        expect(page.get_by_test_id("stAlert")).to_have_count(0)


def test_home_shows_a_result_and_leads_on(page: Page) -> None:
    page.goto("/")
    expect(page.get_by_role("heading", name=re.compile("points better"))).to_be_visible()
    expect(page.locator(".js-plotly-plot .legendtext")).to_have_text(["Teacher", "Baseline", "Student"])
    expect(page.get_by_test_id("stSidebar").get_by_text(re.compile("CPU|GPU|NVIDIA"))).to_be_visible()
    expect(page.get_by_test_id("stSidebar").get_by_text("Queue: idle")).to_be_visible()
    page.locator(".st-key-start-compress").click(position={"x": 40, "y": 70})
    expect(page).to_have_title("Compress · Compression Lab")
    expect(page).to_have_url(re.compile(r"/compress\?.*prune"))
    page.go_back()
    page.get_by_role("button", name="Start a first distillation").click()
    expect(page).to_have_title("Distill · Compression Lab")


def test_a_person_keeps_a_hidden_identity_and_another_gets_another(browser: Browser, page: Page) -> None:
    page.goto("/")
    first = person(page)
    assert len(first) == 43
    assert "lab_person" not in page.evaluate("document.cookie")
    page.goto("/runs")
    assert person(page) == first
    other = browser.new_context(base_url=page.url)
    second = other.new_page()
    second.goto("/")
    assert person(second) != first
    other.close()


def test_dark_follows_the_browser(browser: Browser, server: lab.Server) -> None:
    colours = {}
    for shade in ("light", "dark"):
        page = browser.new_page(color_scheme=shade)
        page.goto(server.address)
        expect(page.locator("[data-testid=stSidebarLogo]")).to_be_visible()
        colours[shade] = page.get_by_test_id("stApp").evaluate("element => getComputedStyle(element).backgroundColor")
        page.context.close()
    assert colours == {"light": "rgb(255, 255, 255)", "dark": "rgb(18, 22, 28)"}


def test_the_console_says_where_the_app_answers(server: lab.Server) -> None:
    assert f"Compression Lab answers on {server.address} " in (server.home / "server.log").read_text()


def test_a_failing_page_shows_one_sentence_and_keeps_its_traceback_in_the_log(browser: Browser, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    (home / "lab.db").write_bytes(b"no database at all, " * 100)
    broken = lab.start(home)
    page = browser.new_page()
    page.goto(broken.address + "/runs")
    expect(page.get_by_test_id("stMain").get_by_role("heading", level=1)).to_be_visible()
    lab.settle(page)
    shown = page.locator("body").inner_text()
    assert "Traceback" not in shown
    assert "lab.db" in shown or "database" in shown
    page.context.close()
    broken.end()
    lab.end_supervisor(home)
