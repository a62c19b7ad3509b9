"""Addresses that no page has."""

import pytest
from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import Match

from ui.server.no_page import no_page_routes


def get(path: str, base: str = "", query: str = "") -> Response:
    """Return what the server answers to an address."""
    scope = {"type": "http", "method": "GET", "scheme": "http", "server": ("lab", 80), "root_path": "", "headers": []}
    scope |= {"path": path, "query_string": query.encode()}
    matched = [(route, route.matches(scope)) for route in no_page_routes(base)]
    route, more = next((route, more) for route, (match, more) in matched if match is Match.FULL)
    return route.endpoint(Request(scope | more))


@pytest.mark.parametrize("base", ["", "/lab"])
def test_an_address_below_a_page_says_where_to_go(base: str) -> None:
    answer = get(f"{base}/distill/x<b>", base)
    assert answer.status_code == 404
    text = answer.body.decode()
    assert f"There is no page {base}/distill/x&lt;b&gt; in this lab." in text
    assert f'href="{base}/compress"' in text
    assert f'href="{base}/"' in text


def test_an_address_of_several_parts_says_where_to_go_below_a_base_path_too() -> None:
    text = get("/lab/nothing/x", "/lab").body.decode()
    assert "There is no page /lab/nothing/x in this lab." in text
    assert 'href="/lab/distill"' in text


@pytest.mark.parametrize("path", ["/distil", "/distil/", "/compare runs", "/nothing/x", "/nothing/x/", "/a/b/c.png"])
def test_an_address_that_is_nearly_a_page_says_where_to_go(path: str) -> None:
    answer = get(path)
    assert answer.status_code == 404
    assert f"There is no page {path} in this lab." in answer.body.decode()


@pytest.mark.parametrize(
    "path",
    [
        *("/", "/favicon.png", "/_stcore/health", "/oauth2callback", "/auth/login", "/media/x.png", "/media/x", "/lab/icon.svg"),
        *("/_stcore/upload_file/a/b", "/component/a/b", "/static/js/a.js", "/app/static/a", "/auth/logout"),
    ],
)
def test_what_the_server_answers_itself_stays_its_own(path: str) -> None:
    scope = {"type": "http", "method": "GET", "path": path, "root_path": "", "headers": []}
    assert all(route.matches(scope)[0] is Match.NONE for route in no_page_routes(""))


def test_a_slash_at_the_end_leads_to_the_page_with_its_settings() -> None:
    answer = get("/distill/", query="seeds=2")
    assert (answer.status_code, answer.headers["location"]) == (307, "http://lab/distill?seeds=2")
