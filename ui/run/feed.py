"""What is known of a run, read once for everybody who watches it: each look fetches only what is new."""

import functools
import math
import threading
import time
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from compression import settings
from compression.runs import store
from compression.runs.records import Event, Run

if TYPE_CHECKING:
    import pandas as pd

MOST_WATCHED = 32  # runs kept in memory, the last looked at
TYPES_KEPT = ("metric", "layers")


class Watch:
    """A run as it stands, its metrics and its charts; shared by all sessions of this server.

    Attributes:
        run: as the store has it.
        kept: its metric and layer events.
    """

    def __init__(self, run_id: str) -> None:
        self._id, self._cursor, self._lock, self._pen = run_id, 0, threading.Lock(), threading.Lock()
        self._looked = -math.inf
        self._figures: dict[Any, str] = {}
        self._frame: pd.DataFrame | None = None
        self.run: Run = store().run(run_id)
        self.kept: list[Event] = []

    def look(self, fresh_s: float = 0.0) -> "Watch":
        """Read what the store has new, unless somebody did within the last `fresh_s` seconds.

        Raises:
            NotFoundError: the run was deleted.
        """
        with self._lock:
            if time.monotonic() - self._looked < fresh_s:
                return self
            # The state first: whatever led to it is then among the events.
            self.run = store().run(self._id)
            new = store().events(self._id, after=self._cursor, types=TYPES_KEPT)
            self._looked = time.monotonic()
            if new:
                self._cursor = new[-1].seq
                self.kept += new
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

    def figure(self, key: Any, draw: Callable[["pd.DataFrame"], dict[str, Any]]) -> str:
        """Return a chart of the metrics as JSON, described once for as long as they stay the same."""
        with self._pen:  # whoever asks meanwhile waits, instead of drawing the same
            stamp = (key, len(self.kept))
            if (figure := self._figures.get(stamp)) is None:
                from plotly.io.json import to_json_plotly

                figure = self._figures[stamp] = to_json_plotly(draw(self.frame))
        return figure


def watch(run_id: str, fresh_s: float = 0.0) -> Watch:
    """Return what is known of a run by now, or was within the last `fresh_s` seconds.

    Raises:
        NotFoundError: there is no such run.
    """
    return _watch(settings.database_url(), run_id).look(fresh_s)


@functools.lru_cache(maxsize=MOST_WATCHED)
def _watch(_url: str, run_id: str) -> Watch:
    return Watch(run_id)
