"""Loads what is heavy after the first page has been painted, so that neither the first paint nor the first run waits for it."""

import gc
import importlib
import logging
import socket
import threading
from collections.abc import AsyncGenerator
from contextlib import asynccontextmanager

import streamlit as st

from compression.texts import gettext as _

LONGEST_WAIT_S = 20.0
PAUSE_S = 0.5
HEAVY = ("torch", "compression.execute", "compression.preview", "compression.runs.frames", "plotly.graph_objects")

first_page_drawn = threading.Event()
_log = logging.getLogger(__name__)


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncGenerator[None, None]:
    """Say where the app answers, and start loading in the background."""
    print(address_text(), flush=True)
    threading.Thread(target=load, name="warmup", daemon=True).start()
    yield


def load() -> None:
    """Import the engine once the first visitor has a page, then keep it out of every later garbage collection."""
    first_page_drawn.wait(LONGEST_WAIT_S)
    threading.Event().wait(PAUSE_S)
    for module in HEAVY:
        try:
            importlib.import_module(module)
        except Exception:
            _log.exception("Loading %s ahead failed; the page that needs it will say why.", module)
    gc.collect()
    gc.freeze()


def address_text() -> str:
    """Return the line that tells where to point a browser."""
    address, port = st.get_option("server.address"), st.get_option("server.port")
    host = socket.gethostname() if address in {None, "0.0.0.0", "::"} else address
    return _("Compression Lab answers on http://{host}:{port} (Ctrl+C ends it; runs that are under way go on).").format(
        host=host, port=port
    )
