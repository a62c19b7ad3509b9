"""A worker's events on their way to the store, on disk, so that none is lost with the process."""

import json
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from compression.runs import records

KEPT = ("metric", "artifact")  # what an engine that goes on from its checkpoint does not tell again


class Journal:
    """A file of the metrics and artifacts that may not be stored yet, a line an event.

    An engine goes on where its checkpoint is, which may be later than what was stored when its process was killed. Storing an
    event of these types twice changes nothing: the last telling counts. A disk that is full or gone keeps no journal, and no run
    from its work.

    Args:
        path: the file; its folder need not be there yet.
    """

    def __init__(self, path: Path) -> None:
        self._path, self._partial = path, path.with_suffix(".partial")

    def add(self, event: Mapping[str, Any]) -> None:
        """Keep an event, if it is of a type that is kept."""
        if event["type"] not in KEPT:
            return
        try:
            line = records.encode(dict(event)) + "\n"
            with self._path.open("a", encoding="utf-8") as file:
                file.write(line)
        except Exception:
            return  # an event that cannot be written is told of where it is stored

    def left(self) -> list[dict[str, Any]]:
        """Return the events that an earlier process kept; a line that was not finished is left out."""
        try:
            lines = self._path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            return []
        return [event for line in lines if (event := _read(line)) is not None]

    def replace(self, events: Iterable[Mapping[str, Any]]) -> None:
        """Hold these events and no others; a process killed meanwhile leaves either the old ones or these."""
        try:
            lines = [records.encode(dict(event)) + "\n" for event in events if event["type"] in KEPT]
            if lines:
                self._partial.write_text("".join(lines), encoding="utf-8")
                self._partial.replace(self._path)
            else:
                self._path.unlink(missing_ok=True)
                self._partial.unlink(missing_ok=True)
        except Exception:
            return  # the old events stay; storing them twice changes nothing


def _read(line: str) -> dict[str, Any] | None:
    try:
        event = json.loads(line)
    except ValueError:
        return None
    return event if isinstance(event, dict) and event.get("type") in KEPT else None
