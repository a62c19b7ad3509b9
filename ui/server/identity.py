"""Who a visitor is: an unguessable value in a cookie, so that people see their own runs without an account."""

import hashlib
import re
import secrets

import streamlit as st
from starlette.datastructures import MutableHeaders
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from compression.texts import gettext as _

COOKIE = "lab_person"
ONE_YEAR_S = 31_536_000
VALID = re.compile(r"[A-Za-z0-9_-]{43}")
OWNER_DIGITS = 16
SHOWN_DIGITS = 4


def owner() -> str:
    """Return who is looking at the page, as the store knows them.

    It is a digest of the cookie: whoever reads it in a list of runs cannot become that person.
    """
    value = str(st.context.cookies.get(COOKIE))
    if not VALID.fullmatch(value):
        # A browser that refuses cookies keeps its identity as long as the tab.
        value = st.session_state.setdefault(COOKIE, new_value())
    return "guest-" + hashlib.sha256(value.encode()).hexdigest()[:OWNER_DIGITS]


def display_name(person: str) -> str:
    """Return the short name that others see for an owner."""
    if person.startswith("guest-"):
        return _("Guest {digits}").format(digits=person.removeprefix("guest-")[:SHOWN_DIGITS].upper())
    return person


def new_value() -> str:
    """Return a fresh value for the cookie: 256 random bits."""
    return secrets.token_urlsafe(32)


class IdentityCookie:
    """ASGI middleware that hands a cookie to every browser that opens a page without one."""

    def __init__(self, app: ASGIApp) -> None:
        self.app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request; a page for a visitor without a valid cookie carries a new one."""
        if scope["type"] != "http" or not _needs_cookie(HTTPConnection(scope)):
            await self.app(scope, receive, send)
            return

        async def send_with_cookie(message: Message) -> None:
            if message["type"] == "http.response.start":
                MutableHeaders(scope=message).append("set-cookie", _set_cookie(secure=scope["scheme"] == "https"))
            await send(message)

        await self.app(scope, receive, send_with_cookie)


def _needs_cookie(request: HTTPConnection) -> bool:
    # Only pages: assets that load at the same time would each bring another identity.
    opens_page = "text/html" in request.headers.get("accept", "")
    return opens_page and not VALID.fullmatch(request.cookies.get(COOKIE, ""))


def _set_cookie(*, secure: bool) -> str:
    parts = [f"{COOKIE}={new_value()}", f"Max-Age={ONE_YEAR_S}", "Path=/", "HttpOnly", "SameSite=Lax"]
    return "; ".join([*parts, "Secure"] if secure else parts)
