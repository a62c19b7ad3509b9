"""The parts of the store that free its room."""

import sqlite3
from collections.abc import Sequence
from contextlib import closing, suppress

from sqlalchemy import delete, func, select

from compression.runs.database import Database
from compression.runs.records import ACTIVE
from compression.runs.schema import EVENTS, RUNS


class Housekeeping(Database):
    """Weighs and drops events."""

    def runs_deleted_with_events_left(self) -> list[str]:
        """Return the ids of runs that are not there any more, yet have events."""
        query = select(EVENTS.c.run).distinct().where(EVENTS.c.run.not_in(select(RUNS.c.id)))
        with self._read() as connection:
            return [str(run_id) for run_id in connection.scalars(query)]

    def bytes_of_events(self, run_id: str) -> int:
        """Return how much the events of a run say, in bytes."""
        query = select(func.sum(func.length(EVENTS.c.payload))).where(EVENTS.c.run == run_id)
        with self._read() as connection:
            return int(connection.scalar(query) or 0)

    def drop_events(self, ids: Sequence[str]) -> None:
        """Remove all events of some runs, but not of one that waits or is at work by now."""
        active = select(RUNS.c.id).where(RUNS.c.state.in_(ACTIVE))
        with self._write() as connection:
            for run_id in ids:
                connection.execute(delete(EVENTS).where(EVENTS.c.run == run_id, EVENTS.c.run.not_in(active)))

    def compact(self) -> None:
        """Give the room of what was removed back to the disk, where the database is an SQLite file."""
        if self._engine.dialect.name != "sqlite":
            return
        # It needs the file to itself and room for a copy; without, the room is used again for new runs.
        with suppress(sqlite3.Error), closing(self._engine.raw_connection()) as connection:
            connection.driver_connection.execute("VACUUM")
