"""Who a visitor is: the account that signed in, else an unguessable value in a cookie, which needs no account."""

import contextlib
import functools
import hashlib
import re
import secrets
import time

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from compression import settings
from compression.errors import LabError
from compression.runs import store
from compression.runs.records import Person
from compression.texts import gettext as _
from compression.texts import mark
from ui.server import signed_in

COOKIE, INTRODUCED = "lab_person", "person-introduced"
ONE_YEAR_S = 31_536_000
VALID = re.compile(r"[A-Za-z0-9_-]{43}")
OWNER_DIGITS = 16
SHOWN_DIGITS = 4
COLOURS = {  # those that Streamlit has names for
    "blue": mark("Blue"),
    "green": mark("Green"),
    "orange": mark("Orange"),
    "red": mark("Red"),
    "violet": mark("Violet"),
    "yellow": mark("Yellow"),
}
NAMES_FRESH_S = 5.0  # others read a new name that much later at most


def owner() -> str:
    """Return who is looking at the page, as the store knows them.

    It is a digest of the account or of the cookie: whoever reads it in a list of runs cannot become that person.
    """
    if account := signed_in.account():
        return "user-" + _digest(account)
    value = str(st.context.cookies.get(COOKIE))
    if not VALID.fullmatch(value):
        # A browser that refuses cookies keeps its identity as long as the tab.
        value = st.session_state.setdefault(COOKIE, new_value())
    return "guest-" + _digest(value)


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode()).hexdigest()[:OWNER_DIGITS]


def introduce() -> None:
    """Store the name of a visitor who signed in and has none yet, once a session, for others to read beside their runs."""
    name = signed_in.name()
    if name is None or st.session_state.get(INTRODUCED):
        return
    with contextlib.suppress(LabError):  # a store that cannot be written is told by the page
        if store().person(owner()) is None:
            store().name_person(owner(), name, "")
            _people.cache_clear()
        st.session_state[INTRODUCED] = True


@functools.lru_cache(maxsize=1)
def _people(_url: str, _period: int) -> dict[str, Person]:
    try:
        return store().people()
    except LabError:
        return {}


def _person(owner: str) -> Person | None:
    return _people(settings.database_url(), int(time.monotonic() / NAMES_FRESH_S)).get(owner)


def choose_name(name: str, colour: str) -> None:
    """Give the visitor a name and a colour, which all see from now on.

    Raises:
        LabError: as `Store.choose_name`.
    """
    store().choose_name(owner(), name, colour)
    _people.cache_clear()


def display_name(person: str) -> str:
    """Return the short name that others see for an owner."""
    if known := _person(person):
        return known.name
    if person.startswith("guest-"):
        return _("Guest {digits}").format(digits=person.removeprefix("guest-")[:SHOWN_DIGITS].upper())
    return person


def colour_of(person: str) -> str:
    """Return the colour of an owner: the one chosen, else one that is always the same."""
    known = _person(person)
    if known and known.colour in COLOURS:
        return known.colour
    return list(COLOURS)[int(_digest(person), 16) % len(COLOURS)]


def new_value() -> str:
    """Return a fresh value for the cookie: 256 random bits."""
    return secrets.token_urlsafe(32)


class IdentityCookie:
    """ASGI middleware that hands a cookie to every browser that opens a page without one.

    Args:
        app: what it stands before.
        path: the folder of the addresses that the cookie is for.
    """

    def __init__(self, app: ASGIApp, path: str = "/") -> None:
        self.app, self.path = app, path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; a page for a visitor without a valid cookie carries a new one."""
        if scope["type"] != "http" or not _needs_cookie(HTTPConnection(scope)):
            await self.app(scope, receive, send)
            return

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", _set_cookie(self.path, secure=scope["scheme"] == "https"))
            await send(message)

        await self.app(scope, receive, send_with_cookie)


def _needs_cookie(request: HTTPConnection) -> bool:
    # Only pages: assets that load at the same time would each bring another identity.
    opens_page = "text/html" in request.headers.get("accept", "")
    return opens_page and not VALID.fullmatch(request.cookies.get(COOKIE, ""))


def _set_cookie(path: str, *, secure: bool) -> str:
    parts = [f"{COOKIE}={new_value()}", f"Max-Age={ONE_YEAR_S}", f"Path={path}", "HttpOnly", "SameSite=Lax"]
    return "; ".join([*parts, "Secure"] if secure else parts)
