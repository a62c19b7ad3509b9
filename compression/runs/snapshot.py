"""The newest runs, read once for everybody who looks at them: what does not change is not read again."""

import math
import threading
import time
from collections.abc import Collection
from typing import Any

from compression.runs import records
from compression.runs.queries import Queries
from compression.runs.records import Run


class Snapshot:
    """The newest runs of a store, shared by all threads of a process.

    A look reads the columns that change; specs and results are read for runs that are new or whose state has changed.

    Args:
        store: where the runs are.
        limit: how many there are at most; None for all.
        states: only runs in these states; all by default.
    """

    def __init__(self, store: Queries, limit: int | None, states: Collection[str] | None = None) -> None:
        self._store, self._limit, self._states, self._lock = store, limit, states, threading.Lock()
        self._looked = -math.inf
        self._known: dict[str, tuple[dict[str, Any], Run]] = {}
        self._runs: list[Run] = []

    def look(self, fresh_s: float = 0.0) -> list[Run]:
        """Return the newest runs, the newest first, as they are now or were within the last `fresh_s` seconds."""
        with self._lock:
            if time.monotonic() - self._looked >= fresh_s:
                rows = self._store.rows_without_contents(states=self._states, limit=self._limit)
                self._known = self._read(rows)
                self._runs = [run for _row, run in self._known.values()]
                self._looked = time.monotonic()
            return self._runs

    def _read(self, rows: list[dict[str, Any]]) -> dict[str, tuple[dict[str, Any], Run]]:
        moved = [str(row["id"]) for row in rows if self._state(str(row["id"])) != row["state"]]
        read = {run.id: run for run in self._store.runs_of(moved)}
        found = {}
        for row in rows:
            run_id = str(row["id"])
            before, run = self._known.get(run_id, (None, None))
            run = read.get(run_id, run)
            if run is not None:  # else it was deleted between the two queries
                found[run_id] = row, run if row == before else records.read_again(run, row)
        return found

    def _state(self, run_id: str) -> str | None:
        return self._known[run_id][0]["state"] if run_id in self._known else None
