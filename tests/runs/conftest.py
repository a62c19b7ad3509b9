"""A home folder of its own for each test, and real supervisors that end with it.

The store's tests also run on another database: `LAB_TEST_DATABASE_URL=postgresql+psycopg://… pytest tests/runs`; its tables are
emptied.
"""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import update

from compression.runs.records import Run
from compression.runs.rows import working
from compression.runs.schema import METADATA, RUNS, open_engine
from compression.runs.store import Store

OTHER_DATABASE = os.environ.get("LAB_TEST_DATABASE_URL")
sqlite_only = pytest.mark.skipif(OTHER_DATABASE is not None, reason="about SQLite's file")


def fresh_home(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Make a folder LAB_HOME, with an empty store."""
    monkeypatch.setenv("LAB_HOME", str(folder))
    monkeypatch.delenv("LAB_DATABASE_URL", raising=False)
    if OTHER_DATABASE:
        monkeypatch.setenv("LAB_DATABASE_URL", OTHER_DATABASE)
        engine = open_engine(OTHER_DATABASE)
        METADATA.drop_all(engine)
        engine.dispose()
    return folder


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return a fresh LAB_HOME."""
    return fresh_home(tmp_path / "home", monkeypatch)


@pytest.fixture
def store(home: Path) -> Iterator[Store]:
    """Return the store of that home."""
    opened = Store()
    yield opened
    opened.close()


@pytest.fixture
def serve(home: Path) -> Iterator[Callable[..., subprocess.Popen]]:
    """Return a function that starts a supervisor process around a small engine."""
    started = []

    def start(engine: str = "counting", idle_s: float = 60, **limits: float) -> subprocess.Popen:
        command = [sys.executable, "-m", "tests.runs.serve", engine, str(idle_s), *(f"{name}={s}" for name, s in limits.items())]
        process = subprocess.Popen(command, start_new_session=True)
        started.append(process)
        return process

    yield start
    for process in started:
        process.send_signal(signal.SIGTERM)
        process.wait(20)


def submit(store: Store, *, owner: str = "ada", device: str = "auto", **spec: object) -> str:
    """Queue a run of a small engine."""
    return store.submit({"kind": "distill", "epochs": 5, **spec}, "hash", "distill", owner=owner, device=device)


def start(store: Store, token: str, *, owner: str = "ada", **spec: object) -> str:
    """Put a run at work under a token, whoever's turn it is."""
    run_id = store.start({"kind": "distill", **spec}, "hash", "distill", owner=owner, device="cpu", token=token)
    with store._write() as connection:
        connection.execute(update(RUNS).where(RUNS.c.id == run_id).values(**working("cpu", token)))
    return run_id


def wait_for(store: Store, run_id: str, *states: str, patience_s: float = 30) -> Run:
    """Return the run once it is in one of the states."""
    deadline = time.monotonic() + patience_s
    while (run := store.run(run_id)).state not in states:
        assert time.monotonic() < deadline, f"still {run}"
        time.sleep(0.02)
    return run


def wait_until(condition: Callable[[], bool], patience_s: float = 30) -> None:
    """Return once a condition holds."""
    deadline = time.monotonic() + patience_s
    while not condition():
        assert time.monotonic() < deadline, "it never came true"
        time.sleep(0.02)
