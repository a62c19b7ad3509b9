"""What can be asked of the store."""

from collections.abc import Iterable, Sequence
from typing import Any

from sqlalchemy import ColumnElement, func, literal, select, tuple_

from compression.runs import records
from compression.runs.database import Database
from compression.runs.records import FINISHED, Event, Run
from compression.runs.rows import row_of, starts
from compression.runs.schema import EVENTS, RUNS
from compression.runs.turns import Forecast

MOST_UNREADABLE = 20  # results that are passed over while one is sought that can be read
NEWEST_FIRST = (RUNS.c.created.desc(), RUNS.c.id.desc())
MOST_IDS = 500  # in one query


class Queries(Database):
    """Reads runs and their events."""

    def run(self, run_id: str) -> Run:
        """Return one run.

        Raises:
            NotFoundError: there is none of that id.
        """
        with self._read() as connection:
            return records.read_run(row_of(connection, run_id))

    def runs(
        self,
        *,
        owner: str | None = None,
        kind: str | None = None,
        states: Iterable[str] | None = None,
        spec_hash: str | None = None,
        before: Run | None = None,
        limit: int | None = 500,
    ) -> list[Run]:
        """Return runs, newest first: all of them, or those of an owner, a kind, certain states or a spec.

        Args:
            before: the last run of the page before; those that follow it are returned.
            limit: how many at most, counted after everything else; None for no limit.
        """
        query = select(RUNS).where(*_conditions(owner, kind, states, spec_hash))
        if before is not None:
            query = query.where(tuple_(RUNS.c.created, RUNS.c.id) < tuple_(literal(before.created), literal(before.id)))
        query = query.order_by(*NEWEST_FIRST).limit(limit)
        with self._read() as connection:
            return [records.read_run(row) for row in connection.execute(query).mappings()]

    def count(
        self,
        *,
        owner: str | None = None,
        kind: str | None = None,
        states: Iterable[str] | None = None,
        spec_hash: str | None = None,
    ) -> int:
        """Return how many runs `runs` would return without a limit."""
        query = select(func.count()).select_from(RUNS).where(*_conditions(owner, kind, states, spec_hash))
        with self._read() as connection:
            return connection.scalar(query) or 0

    def rows_without_contents(self, *, states: Iterable[str] | None = None, limit: int | None = None) -> list[dict[str, Any]]:
        """Return the rows of the newest runs without spec and result, which are most of what a run takes."""
        columns = [column for column in RUNS.c if column.name not in ("spec", "result")]
        query = (
            select(*columns)
            .where(*_conditions(None, None, states, None))
            .order_by(RUNS.c.created.desc(), RUNS.c.id.desc())
            .limit(limit)
        )
        with self._read() as connection:
            return [dict(row) for row in connection.execute(query).mappings()]

    def runs_of(self, ids: Sequence[str]) -> list[Run]:
        """Return the runs of some ids; those that are not there are left out."""
        found = []
        with self._read() as connection:
            for first in range(0, len(ids), MOST_IDS):
                query = select(RUNS).where(RUNS.c.id.in_(ids[first : first + MOST_IDS]))
                found += [records.read_run(row) for row in connection.execute(query).mappings()]
        return found

    def active_states(self) -> set[str]:
        """Return which of queued and running occur now; cheap enough for every poll."""
        query = select(RUNS.c.state).where(RUNS.c.state.in_(records.ACTIVE)).distinct()
        with self._read() as connection:
            return set(connection.scalars(query))

    def starts(self) -> dict[str, Forecast]:
        """Return the place of each waiting run and in how many seconds it starts; nothing while the queue is paused."""
        with self._read() as connection:
            return starts(connection)

    def events(self, run_id: str, after: int = 0, limit: int | None = None, *, types: Iterable[str] | None = None) -> list[Event]:
        """Return a run's events whose number is above `after`, in order; an unknown run has none.

        Args:
            limit: how many at most; all of them by default.
            types: the types that are wanted; all of them by default.
        """
        query = select(EVENTS).where(EVENTS.c.run == run_id, EVENTS.c.seq > after).order_by(EVENTS.c.seq).limit(limit)
        if types is not None:
            query = query.where(EVENTS.c.type.in_(list(types)))
        with self._read() as connection:
            read = [records.read_event(row) for row in connection.execute(query).mappings()]
        return [event for event in read if event is not None]

    def find_finished(self, spec_hash: str) -> Run | None:
        """Return the latest finished run of a spec that still has its result, if there is one."""
        query = (
            select(RUNS)
            .where(RUNS.c.hash == spec_hash, RUNS.c.state == FINISHED, RUNS.c.result.is_not(None))
            .order_by(RUNS.c.finished.desc())
            .limit(MOST_UNREADABLE)
        )
        with self._read() as connection:
            found = (records.read_run(row) for row in connection.execute(query).mappings())
            return next((run for run in found if run.state == FINISHED and run.result is not None), None)


def _conditions(
    owner: str | None, kind: str | None, states: Iterable[str] | None, spec_hash: str | None
) -> list[ColumnElement[bool]]:
    conditions = [RUNS.c.state.in_(list(states))] if states is not None else []
    wanted = {RUNS.c.owner: owner, RUNS.c.kind: kind, RUNS.c.hash: spec_hash}
    return conditions + [column == value for column, value in wanted.items() if value is not None]
