"""Loads what is heavy after the first page has been painted, so that neither the first paint nor the first run waits for it."""

import gc
import importlib
import logging
import os
import socket
import threading
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import asynccontextmanager

import streamlit as st

from compression import settings
from compression.errors import LabError
from compression.runs import lecturer
from compression.texts import gettext as _
from ui.server.base_path import base_path

LONGEST_WAIT_S = 20.0
PAUSE_S = 0.5
THIS_MACHINE_ALONE = ("127.0.0.1", "localhost", "::1")
LOOK_AFTER_S = 5.0
HEAVY = ("torch", "compression.execute", "compression.preview", "compression.runs.frames")
RARE = "torchvision"  # few networks and datasets need it: imported once the first visitor is served

visited = threading.Event()  # set whenever a page is drawn
_loaded, _loading = threading.Event(), threading.Lock()
_log = logging.getLogger(__name__)
_last_failures: dict[str, str] = {}


@asynccontextmanager
async def lifespan(app: st.App) -> AsyncGenerator[None, None]:
    """Say where the app answers, and start loading in the background."""
    if st.get_option("server.address") not in THIS_MACHINE_ALONE:
        os.environ.setdefault("LAB_SHARED", "yes")  # for the supervisor, too, which the server starts
    if settings.shared() and lecturer.key() is None:
        print(_("The lecturer's key, until the server ends: {key}").format(key=lecturer.make_key()), flush=True)
    print(address_text(), flush=True)
    threading.Thread(target=stay_warm, name="warmup", daemon=True).start()
    yield


def stay_warm() -> None:
    """Load the engine once the first visitor has a page; keep a supervisor ready for as long as anyone looks at one."""
    visited.wait(LONGEST_WAIT_S)
    time.sleep(PAUSE_S)
    load()
    gc.collect()
    gc.freeze()  # what was imported stays out of every later garbage collection
    while True:
        visited.wait()
        visited.clear()
        _attempt(_ensure_supervisor)
        time.sleep(LOOK_AFTER_S)
        _attempt(importlib.import_module, RARE)


def load() -> None:
    """Import what runs and charts need; whoever calls this while another thread is at it waits until all is there.

    Without that wait a page could import a part of torch while torch itself is being imported: Python does not let a thread
    wait for a parent package that is listed already, torch breaks off, and cannot be imported a second time.
    """
    with _loading:
        if _loaded.is_set():
            return
        for module in HEAVY:
            _attempt(importlib.import_module, module)
        _attempt(_load_methods)
        _loaded.set()


def _load_methods() -> None:
    import torch

    from compression.spec import load_methods

    load_methods()
    torch.set_num_threads(1)  # previews are small, and a run may be using the other cores


def _ensure_supervisor() -> None:
    from compression.runs.launch import ensure_alive

    ensure_alive()


def _attempt(action: Callable[..., object], *given: str) -> None:
    """Call an action; a failure is logged, one that lasts once."""
    name = given[0] if given else action.__name__
    try:
        action(*given)
        _last_failures.pop(name, None)
    except (LabError, OSError) as error:  # such as a folder that cannot be written; the pages say so, too
        if _last_failures.get(name) != str(error):
            _last_failures[name] = str(error)
            _log.error("%s", error)
    except Exception:
        _log.exception("Getting ready failed at %s; the page that needs it will say why.", name)


def address_text() -> str:
    """Return the line that tells where to point a browser."""
    address, port = st.get_option("server.address"), st.get_option("server.port")
    host = socket.gethostname() if address in {None, "0.0.0.0", "::"} else address
    where = f"http://{host}:{port}{base_path()}"
    return _("Compression Lab answers on {address} (Ctrl+C ends it; runs that are under way go on).").format(address=where)
