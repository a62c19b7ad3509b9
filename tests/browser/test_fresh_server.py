"""Links opened on a server that nobody has visited yet."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest
from playwright.sync_api import Browser, Page, expect

from compression.runs import store
from compression.runs.records import FINISHED
from tests.browser import lab
from tests.pages.stored_runs import finished

VERDICT = "[class*=st-key-verdict]"


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty tab; it fails when the page complains on its console, asks in vain, or asks another machine."""
    context = browser.new_context(viewport=lab.WIDE)
    context.set_default_timeout(lab.PATIENCE_MS)
    opened = context.new_page()
    heard = lab.complaints(opened)
    yield opened
    assert heard == []
    context.close()


def test_a_deep_link_opens_its_settings_on_a_fresh_server(page: Page, own_server: lab.Server) -> None:
    link = own_server.address + "/distill?student.width=4&loss.temperature=8&seeds=2&baseline=no"
    page.goto(link)
    expect(page.get_by_role("slider", name="Temperature T")).to_have_attribute("aria-valuetext", "8")
    expect(page.get_by_role("slider", name="Width").nth(1)).to_have_value("4")
    expect(page.get_by_role("slider", name="Seeds")).to_have_value("2")
    page.get_by_text("More settings").click()
    expect(page.get_by_role("checkbox", name="Train a baseline too")).not_to_be_checked()
    expect(page.get_by_test_id("stAlert")).to_have_count(0)
    lab.settle(page)
    assert parse_qs(urlsplit(link).query).items() <= parse_qs(urlsplit(page.url).query).items()


def test_a_deep_link_to_a_run_opens_it_on_a_fresh_server(page: Page, own_server: lab.Server) -> None:
    run = finished()
    assert store().run(run).state == FINISHED
    page.goto(f"{own_server.address}/runs?run={run}")
    expect(page).to_have_title("Runs · Compression Lab")
    expect(page.get_by_test_id("stSidebarNav")).to_be_visible()
    expect(page.locator(VERDICT)).to_contain_text("with the teacher, 93.0 % without: +3.0 points")
    lab.settle(page)
    assert urlsplit(page.url).path == "/runs"
    assert parse_qs(urlsplit(page.url).query)["run"] == [run]
