"""The HTML that every page starts from: Streamlit's own, with the lab's name and icon, and told where its server answers.

As it comes, it looks for its server below each page first (two requests that fail) and fetches the icon of a page's menu entry
from a font service for the browser's tab; a lab must open quietly on a machine without a network. Whatever a page writes into its
address becomes a step of the browser's history, the settings that it completes on arrival too, and Back then seems to do nothing.
"""

from importlib.util import find_spec
from pathlib import Path

from starlette.responses import FileResponse, HTMLResponse
from starlette.routing import Route

from ui.frame.pages import SECTIONS

ICON_PATH = "/lab/icon.svg"
ICON = Path(__file__).resolve().parents[2] / "assets" / "icon.svg"
ONE_DAY_S = 86_400
ONE_STEP_A_VISIT = """
      const push = history.pushState.bind(history);
      let completed = null;
      history.pushState = (state, title, url) => {
        const { pathname } = new URL(url, location);
        const completes = pathname === location.pathname && completed !== pathname;
        completed = pathname === location.pathname ? pathname : null;
        completes ? history.replaceState(state, title, url) : push(state, title, url);
      };"""
CHANGES = {
    "<title>Streamlit</title>": "<title>Compression Lab</title>",
    '<link rel="shortcut icon" href="./favicon.png" />': f'<link rel="icon" href=".{ICON_PATH}" />',
    "<head>": '<head>\n    <script>window.__streamlit = { BACKEND_BASE_URL: new URL("./", location).href };'
    + ONE_STEP_A_VISIT
    + "</script>",
}


def front_page_routes(base: str) -> list[Route]:
    """Return the routes below a base path of the pages' HTML and of the icon in the browser's tab."""
    html = (Path(find_spec("streamlit").origin).parent / "static" / "index.html").read_text(encoding="utf-8")
    for theirs, ours in CHANGES.items():
        html = html.replace(theirs, ours, 1)

    def serve_page(request: object) -> HTMLResponse:
        return HTMLResponse(html, headers={"Cache-Control": "no-cache"})

    def serve_icon(request: object) -> FileResponse:
        return FileResponse(ICON, media_type="image/svg+xml", headers={"Cache-Control": f"public, max-age={ONE_DAY_S}"})

    places = [place for section in SECTIONS.values() for place in section]
    paths = ["/" if place.name == "home" else f"/{place.name}" for place in places]
    return [*(Route(base + path, serve_page) for path in paths), Route(base + ICON_PATH, serve_icon)]
