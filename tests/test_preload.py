"""The engine is imported by one thread at a time, and a page that needs it waits until it is whole."""

import importlib
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from types import SimpleNamespace

import pytest

from ui.server import preload

WAIT_S = 30
ENGINE = """
from events_of_this_test import begun, go_on
begun.set()
go_on.wait(30)
from slow_engine.page import title
"""


@pytest.fixture
def events(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[SimpleNamespace]:
    """An engine whose import goes on when a test says so; it and its `page` need each other, as parts of torch do."""
    package = tmp_path / "slow_engine"
    package.mkdir()
    (package / "__init__.py").write_text(ENGINE)
    (package / "page.py").write_text("import slow_engine\ntitle = 'whole'\n")
    events = SimpleNamespace(begun=threading.Event(), go_on=threading.Event())
    monkeypatch.setitem(sys.modules, "events_of_this_test", events)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.setattr(preload, "HEAVY", ("slow_engine",))
    monkeypatch.setattr(preload, "_loaded", threading.Event())
    yield events
    for name in ("slow_engine", "slow_engine.page"):
        sys.modules.pop(name, None)


def begin(action: Callable[[], None]) -> threading.Thread:
    """Start a thread that does something."""
    thread = threading.Thread(target=action, daemon=True)
    thread.start()
    return thread


def test_a_page_waits_for_an_engine_that_another_thread_imports(events: SimpleNamespace) -> None:
    """Without the wait one of the two fails: each holds what the other needs, and Python gives one of them a half of it."""
    found: list[object] = []

    def draw_page() -> None:
        preload.load()
        try:
            found.append(importlib.import_module("slow_engine.page").title)
        except ImportError as error:
            found.append(error)

    loading = begin(preload.load)
    assert events.begun.wait(WAIT_S)
    page = begin(draw_page)
    page.join(0.2)
    events.go_on.set()
    for thread in (loading, page):
        thread.join(WAIT_S)
    assert found == ["whole"]
    assert sys.modules["slow_engine"].title == "whole"
