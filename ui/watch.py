"""What is known of a run, read once for everybody who watches it: each look fetches only what is new."""

import functools
import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from compression import settings
from compression.runs import store
from compression.runs.records import Event, Run

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

MOST_WATCHED = 32  # runs kept in memory, the last looked at
TYPES_KEPT = ("metric", "layers")


class Watch:
    """A run as it stands, its metrics and its charts; shared by all sessions of this server.

    Attributes:
        run: as the store has it.
        progress: what the last progress event says: role, seed, epoch, epochs.
        kept: its metric and layer events.
    """

    def __init__(self, run_id: str) -> None:
        self._id, self._cursor, self._lock = run_id, 0, threading.Lock()
        self._figures: dict[Any, str] = {}
        self._frame: pd.DataFrame | None = None
        self.run: Run = store().run(run_id)
        self.progress: dict[str, Any] = {}
        self.kept: list[Event] = []

    def look(self) -> "Watch":
        """Read what the store has new.

        Raises:
            NotFoundError: the run was deleted.
        """
        with self._lock:
            # The state first: whatever led to it is then among the events.
            self.run = store().run(self._id)
            new = store().events(self._id, after=self._cursor)
            told = [event for event in new if event.type in TYPES_KEPT]
            for event in new:
                self._cursor = event.seq
                if event.type == "progress":
                    self.progress = event.payload
            if told:
                self.kept += told
                self._frame = None
                self._figures.clear()
        return self

    @property
    def frame(self) -> "pd.DataFrame":
        """Return the metrics so far, as `metrics_frame` does."""
        from compression.runs.frames import metrics_frame

        with self._lock:
            if self._frame is None:
                self._frame = metrics_frame(self.kept)
            return self._frame

    def figure(self, key: Any, draw: Callable[["pd.DataFrame"], "go.Figure"]) -> str:
        """Return a chart of the metrics as JSON, drawn once for as long as they stay the same."""
        stamp = (key, len(self.kept))
        if stamp not in self._figures:
            self._figures[stamp] = draw(self.frame).to_json(validate=False)
        return self._figures[stamp]


def watch(run_id: str) -> Watch:
    """Return what is known of a run by now.

    Raises:
        NotFoundError: there is no such run.
    """
    return _watch(settings.database_url(), run_id).look()


@functools.lru_cache(maxsize=MOST_WATCHED)
def _watch(_url: str, run_id: str) -> Watch:
    return Watch(run_id)
