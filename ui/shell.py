"""The frame around every page: navigation, looks and the status in the sidebar. Streamlit's main script."""

from pathlib import Path

import streamlit as st

import our_compression  # noqa: F401
from ui.address.settings import arrive
from ui.frame import pages, sidebar
from ui.server import identity, preload

ASSETS = Path(__file__).resolve().parents[1] / "assets"


def draw() -> None:
    """Draw the frame and run the page that the address names."""
    page = st.navigation(pages.sections())
    identity.introduce()
    arrive(page.url_path)
    st.set_page_config(page_title=f"{page.title} · Compression Lab", layout="wide")
    st.html(ASSETS / "style.css")
    st.logo(ASSETS / "logo.svg", size="large", icon_image=ASSETS / "icon.svg")
    if page.url_path:  # home needs no engine, and must not wait for it
        preload.load()
    try:
        page.run()
    finally:
        preload.visited.set()
        with st.sidebar:
            sidebar.draw()


draw()
