"""How a worker talks to the store while it computes: from a thread, so that neither waits for the other."""

import threading
import time
import traceback
from collections.abc import Callable, Mapping
from typing import Any

from compression.errors import LabError
from compression.runs.journal import Journal
from compression.runs.records import Lease
from compression.runs.store import Store

TICK_S = 0.25
RENEWAL_S = 1.0


class Reporter:
    """Writes a run's events, renews its lease and listens for cancellation.

    Guarantees: at most four writes a second, but the first point of a curve at once; the lease is renewed every second;
    cancellation is heard within a quarter of a second; nothing is lost while the store is out of reach: it is written later, in
    order. An event that can never be written is left out, which the log tells, and the thread lives on.

    Args:
        hear: called from the thread at every tick, with what the store said (None: out of reach).
        journal: holds what is not stored yet; what an earlier process left there is stored first.
        log: takes what went wrong.
        worked_s: the seconds worked on the run before this attempt.
    """

    def __init__(
        self,
        store: Store,
        run_id: str,
        token: str,
        hear: Callable[[Lease | None], None],
        *,
        journal: Journal,
        log: Callable[[str], None] = lambda text: None,
        worked_s: float = 0.0,
    ) -> None:
        self._store, self._run_id, self._token, self._hear, self._log = store, run_id, token, hear, log
        self._began = time.monotonic() - worked_s
        self._journal = journal
        self._unsent: list[Mapping[str, Any]] = list(journal.left())
        self._lock, self._wake, self._closing = threading.Lock(), threading.Event(), threading.Event()
        self._told_point, self._renewed = False, time.monotonic()
        self._thread = threading.Thread(target=self._work, name="reporter", daemon=True)

    @property
    def seconds(self) -> float:
        """Return the time worked on the run by now, over all attempts."""
        return time.monotonic() - self._began

    def start(self) -> None:
        """Start the thread."""
        self._thread.start()

    def add(self, event: Mapping[str, Any]) -> None:
        """Take an event to be written soon; of several `progress` events in a row only the last is kept."""
        with self._lock:
            if self._unsent and event["type"] == self._unsent[-1]["type"] == "progress":
                self._unsent.pop()
            self._unsent.append(event)
            self._journal.add(event)
        if event["type"] == "metric" and event.get("epoch") is not None and not self._told_point:
            self._told_point = True
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
                try:
                    self._hear(self._tick())
                except Exception:
                    self._log(traceback.format_exc())

    def _tick(self) -> Lease | None:
        with self._lock:
            batch, self._unsent = self._unsent, []
        try:
            if not batch and time.monotonic() - self._renewed < RENEWAL_S:
                return self._store.check(self._run_id, self._token)
            lease = self._append(batch)
            self._renewed = time.monotonic()
            with self._lock:
                if batch and lease.held:
                    self._journal.replace(self._unsent)
            return lease
        except LabError:
            with self._lock:
                self._unsent = batch + self._unsent
            return None

    def _append(self, batch: list[Mapping[str, Any]]) -> Lease:
        try:
            return self._store.append(self._run_id, self._token, batch, seconds=self.seconds)
        except LabError:
            raise
        except Exception:
            self._append_singly(batch)
            return self._store.append(self._run_id, self._token, [], seconds=self.seconds)

    def _append_singly(self, batch: list[Mapping[str, Any]]) -> None:
        while batch:
            try:
                self._store.append(self._run_id, self._token, batch[:1])
            except LabError:
                raise
            except Exception:
                self._log(f"An event of type {batch[0]['type']!r} cannot be stored and is left out.\n{traceback.format_exc()}")
            del batch[0]  # at once: what is stored is not sent again, should the store fail at the next
