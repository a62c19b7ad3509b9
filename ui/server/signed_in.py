"""Who a visitor is by Streamlit's login or by what a proxy says in `server.trustedUserHeaders`, where one of them is set up."""

from collections.abc import Iterable

import streamlit as st

# What tells people apart comes first, claims of OpenID Connect before the names that people give to headers.
IDENTIFYING = ("sub", "id", "email", "user", "username", "preferred_username")
NAMING = ("name", "preferred_username", "username", "user", "email")


def account() -> str | None:
    """Return what tells the visitor from everybody else, or None for one who did not sign in."""
    told = _told()
    value = _first(told, (*IDENTIFYING, *told))
    # A subject is unique for whoever issued it only.
    return value and f"{told.get('iss', '')} {value}"


def name() -> str | None:
    """Return what the visitor who signed in is called, or None."""
    told = _told()
    value = _first(told, (*NAMING, *told))
    return value and _as_utf8(value).strip()


def _told() -> dict[str, str]:
    """Return what is known of the visitor from a source that may be believed."""
    user = st.user.to_dict()
    if not user.get("is_logged_in"):
        user = {key: user.get(key) for key in (st.get_option("server.trustedUserHeaders") or {}).values()}
    return {key: value for key, value in user.items() if isinstance(value, str) and value.strip()}


def _first(told: dict[str, str], keys: Iterable[str]) -> str | None:
    return next((told[key] for key in keys if key in told), None)


def _as_utf8(value: str) -> str:
    # Headers are read as Latin-1, and proxies write UTF-8 into them.
    try:
        return value.encode("latin-1").decode("utf-8")
    except UnicodeError:
        return value
