"""What an address that is no page, such as `/distil`, `/distill/x` or `/x/y`, answers: nothing is there, and where to go.

Streamlit would show Home under a dialog, from a page of HTML that asks a font service for an icon.
"""

from html import escape
from pathlib import Path

from starlette.convertors import StringConvertor, register_url_convertor
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response
from starlette.routing import Route

from compression.texts import gettext as _
from ui.frame.pages import SECTIONS
from ui.server.index_html import ICON_PATH

HEAD = '<meta charset="utf-8"><meta name="viewport" content="width=device-width"><title>Compression Lab</title>'
LOOKS = Path(__file__).with_suffix(".css").read_text(encoding="utf-8")


class Name(StringConvertor):
    """One part of an address that no file and nothing of Streamlit's own is called: those have a dot or begin with a line."""

    regex = "(?!oauth2callback|auth$)[^/._][^/.]*"


class Folder(StringConvertor):
    """The first of several parts of an address below which neither the lab nor Streamlit serves anything."""

    regex = "(?!(?:app|auth|component|lab|media|static)/)[^/._][^/.]*"


register_url_convertor("name", Name())
register_url_convertor("folder", Folder())


def no_page_routes(base: str) -> list[Route]:
    """Return the routes below and beside the pages, under a base path; a slash at a page's end leads to the page."""
    places = [place for section in SECTIONS.values() for place in section]

    def answer(request: Request) -> Response:
        path = request.scope["path"]
        if not request.path_params.get("beyond", "?").strip("/"):
            return RedirectResponse(str(request.url.replace(path=path.rstrip("/"))))
        sentence = escape(_("There is no page {path} in this lab. These are there:").format(path=path))
        links = [f'<a href="{base}/{"" if place.name == "home" else place.name}">{_(place.title)}</a>' for place in places]
        icon = f"{base}{ICON_PATH}"
        head = f'{HEAD}<link rel="icon" href="{icon}"><style>{LOOKS}</style>'
        top = f'<img src="{icon}" alt=""><h1>{escape(_("No such page"))}</h1><p>{sentence}</p>'
        return HTMLResponse(f"<!doctype html>{head}{top}<p>{''.join(links)}</p>", status_code=404)

    below = [Route(f"{base}/{place.name}/{{beyond:path}}", answer) for place in places]
    beside = [Route(f"{base}/{{name:name}}{end}", answer) for end in ("", "/")]
    return [*below, *beside, Route(f"{base}/{{folder:folder}}/{{beyond:path}}", answer)]
