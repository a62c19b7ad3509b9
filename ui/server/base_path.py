"""Where the app lies on its server: at the root, or below `server.baseUrlPath` when a proxy serves other things beside it."""

import streamlit as st


def base_path() -> str:
    """Return the folder of all the app's addresses, without a slash at its end: nothing, or `/lab`."""
    name = str(st.get_option("server.baseUrlPath") or "").strip("/")
    return f"/{name}" if name else ""
