"""How a worker talks to the store while it computes: from a thread, so that neither waits for the other."""

import threading
import time
from collections.abc import Callable, Mapping
from typing import Any

from compression.errors import LabError
from compression.runs.records import Lease
from compression.runs.store import Store

TICK_S = 0.25
RENEWAL_S = 1.0


class Reporter:
    """Writes a run's events, renews its lease and listens for cancellation.

    Guarantees: at most four writes a second, but the first metric is written at once; the lease is renewed every second;
    cancellation is heard within a quarter of a second; nothing is lost while the store is out of reach: it is written later, in
    order.

    Args:
        hear: called from the thread at every tick, with what the store said (None: out of reach).
    """

    def __init__(self, store: Store, run_id: str, token: str, hear: Callable[[Lease | None], None]) -> None:
        self._store, self._run_id, self._token, self._hear = store, run_id, token, hear
        self._unsent: list[Mapping[str, Any]] = []
        self._lock, self._wake, self._closing = threading.Lock(), threading.Event(), threading.Event()
        self._told_metric, self._renewed = False, time.monotonic()
        self._thread = threading.Thread(target=self._work, name="reporter", daemon=True)

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def add(self, event: Mapping[str, Any]) -> None:
        """Take an event to be written soon; of several `progress` events in a row only the last is kept."""
        with self._lock:
            if self._unsent and event["type"] == self._unsent[-1]["type"] == "progress":
                self._unsent.pop()
            self._unsent.append(event)
        if event["type"] == "metric" and not self._told_metric:
            self._told_metric = True
            self._wake.set()

    def close(self) -> list[Mapping[str, Any]]:
        """Stop the thread and return the events that it did not write."""
        self._closing.set()
        self._wake.set()
        self._thread.join()
        return self._unsent

    def _work(self) -> None:
        while not self._closing.is_set():
            self._wake.wait(TICK_S)
            self._wake.clear()
            if not self._closing.is_set():
                self._hear(self._tick())

    def _tick(self) -> Lease | None:
        with self._lock:
            batch, self._unsent = self._unsent, []
        try:
            if not batch and time.monotonic() - self._renewed < RENEWAL_S:
                return self._store.check(self._run_id, self._token)
            lease = self._store.append(self._run_id, self._token, batch)
            self._renewed = time.monotonic()
            return lease
        except LabError:
            with self._lock:
                self._unsent = batch + self._unsent
            return None
