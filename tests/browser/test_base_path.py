"""The app below a base path, as behind a proxy that serves other things beside it."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, Route, expect

from tests.browser import lab

CHART = ".live-chart .main-svg"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[lab.Server]:
    """The app below /lab."""
    started = lab.start(tmp_path_factory.mktemp("lab"), base="/lab")
    yield started
    started.end()
    lab.end_supervisor(started.home)


def test_charts_links_and_identity_lie_below_the_base_path(page: Page, server: lab.Server) -> None:
    heard = lab.complaints(page)
    page.goto(server.address)  # without a slash at its end
    expect(page.locator(CHART).first).to_be_visible()
    page.get_by_test_id("stSidebarNav").get_by_role("link", name="Distill").click()
    expect(page).to_have_url(f"{server.address}/distill")
    page.reload()
    expect(page).to_have_title("Distill · Compression Lab")
    assert [cookie["path"] for cookie in page.context.cookies() if cookie["name"] == "lab_person"] == ["/lab"]
    assert heard == []
    assert f"answers on {server.address} " in (server.home / "server.log").read_text()


def test_a_chart_whose_library_does_not_come_says_so(browser: Browser, server: lab.Server) -> None:
    def answer_with_a_page(route: Route) -> None:
        route.fulfill(status=200, content_type="text/html", body="<!DOCTYPE html><title>Not found</title>")

    page = browser.new_page()
    page.route("**/plotly-*.min.js", answer_with_a_page)
    page.goto(server.address)
    expect(page.locator(".live-chart").first).to_have_text(
        "The chart could not be loaded from the server; reload the page to try again."
    )
    page.context.close()
