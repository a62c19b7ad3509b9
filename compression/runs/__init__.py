"""Durable background runs: the store, the supervisor and its workers.

Nothing here imports torch, so that a web page can submit and follow runs before it is loaded.
"""

import functools
import os
from typing import TYPE_CHECKING

from compression import settings
from compression.runs.devices import named
from compression.runs.launch import ensure_alive, supervisor_problem
from compression.runs.records import Event, Run
from compression.runs.snapshot import Snapshot
from compression.runs.store import Store

if TYPE_CHECKING:
    from compression.spec import Spec

__all__ = ["Event", "Run", "Store", "ensure_alive", "newest", "resume", "store", "submit", "supervisor_problem"]


def store() -> Store:
    """Return this process's store of the home folder that the environment names now."""
    return _store(settings.database_url(), os.getpid())


@functools.lru_cache(maxsize=8)
def _store(url: str, _process: int) -> Store:
    return Store(url, begin_anew=True)


def newest(limit: int | None = None, *, states: tuple[str, ...] | None = None, fresh_s: float = 0.0) -> list[Run]:
    """Return the newest runs, the newest first, read once for all threads of this process.

    Args:
        limit: how many at most; all of them by default.
        states: only runs in these states.
        fresh_s: how many seconds old what is returned may be.
    """
    return _snapshot(settings.database_url(), os.getpid(), limit, states).look(fresh_s)


@functools.lru_cache(maxsize=8)
def _snapshot(url: str, process: int, limit: int | None, states: tuple[str, ...] | None) -> Snapshot:
    return Snapshot(_store(url, process), limit, states)


def submit(spec: "Spec", *, owner: str, device: str = "auto", title: str = "") -> str:
    """Queue a run, make sure that a supervisor is there to start it, and return its id.

    Raises:
        SpecError: the device is none.
        LabError: a setting of the lab is not what is allowed.
        LimitError: the owner already has as many runs waiting or at work as one person may have.
    """
    settings.check()
    raw = spec.to_json()
    run_id = store().submit(raw, spec.hash, raw["kind"], owner=owner, device=named(device), title=title)
    ensure_alive()
    return run_id


def resume(run_id: str, *, owner: str | None = None) -> Run:
    """Queue an ended run again, to go on where it was, and make sure that a supervisor is there to start it.

    Raises:
        LabError: as `Store.resume`.
    """
    run = store().resume(run_id, owner=owner)
    ensure_alive()
    return run
