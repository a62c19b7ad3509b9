"""The HTML that every page starts from: Streamlit's own, with the lab's name and icon, and told where its server answers.

As it comes, it looks for its server below each page first (two requests that fail) and fetches the icon of a page's menu entry
from a font service for the browser's tab; a lab must open quietly on a machine without a network.
"""

from importlib.util import find_spec
from pathlib import Path

from starlette.responses import FileResponse, HTMLResponse
from starlette.routing import Route

from ui.frame.pages import SECTIONS

ICON_PATH = "/lab/icon.svg"
ICON = Path(__file__).resolve().parents[2] / "assets" / "icon.svg"
ONE_DAY_S = 86_400
CHANGES = {
    "<title>Streamlit</title>": "<title>Compression Lab</title>",
    '<link rel="shortcut icon" href="./favicon.png" />': f'<link rel="icon" href=".{ICON_PATH}" />',
    "<head>": '<head>\n    <script>window.__streamlit = { BACKEND_BASE_URL: new URL("./", location).href }</script>',
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
