"""Where runs are kept: one row a run and one row an event, in SQLite or in any database that a URL names."""

import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import and_, delete, select, update

from compression.errors import LabError
from compression.runs import records, rows
from compression.runs.classroom import Classroom
from compression.runs.housekeeping import Housekeeping
from compression.runs.people import People
from compression.runs.queries import Queries
from compression.runs.records import CANCELLED, QUEUED, RUNNING, Lease, Run, Standing
from compression.runs.rows import (
    AT_REST,
    check_limit,
    end,
    held,
    insert_events,
    insert_run,
    lasting,
    latest,
    lease_of,
    remove,
    remove_folder,
    row_of,
    turn_of,
    waiting,
    working,
)
from compression.runs.schema import ABOUT, EVENTS, RUNS
from compression.runs.sweeps import Sweeps
from compression.texts import gettext as _


class Store(Queries, People, Classroom, Sweeps, Housekeeping):
    """Runs and their events.

    Guarantees, for any number of processes and threads:

    * Every write is one transaction that holds the database's write lock from its start: it happens wholly or not at all,
      and a reader never sees half of it.
    * A run is claimed by one worker at most; only the holder of its token can append events to it or end it.
    * A run's events are numbered in the order they were appended, from 1, and a number is never given twice. A run that has
      finished, failed or been cancelled has exactly one event of these types, its last.
    * A torn or foreign row reads as a failed run or is left out; it never makes the store unreadable.

    * No clock on a wall decides about a lease; see `leases.py`.

    Args:
        url: an SQLAlchemy URL; what the settings say by default.

    Raises:
        StoreError: from every method, when the database cannot be reached or written.
    """

    def submit(
        self,
        spec: Mapping[str, Any],
        spec_hash: str,
        kind: str,
        *,
        owner: str,
        device: str = "auto",
        title: str = "",
        **forecast: Any,
    ) -> str:
        """Queue a run and return its id.

        Args:
            forecast: `expected_s`, `time_limit_s` and `cores`, as a `Run` has them.

        Raises:
            LimitError: the owner already has as many runs waiting or at work as one person may have.
        """
        with self._write() as connection:
            check_limit(connection, owner)
            values = {"title": title, "wanted_device": device, "state": QUEUED, **forecast}
            return insert_run(connection, spec, spec_hash, kind, owner=owner, **values)

    def start(
        self,
        spec: Mapping[str, Any],
        spec_hash: str,
        kind: str,
        *,
        owner: str,
        device: str,
        token: str,
        title: str = "",
        **forecast: Any,
    ) -> str:
        """Queue a run that the caller works on itself once `take` gives it, and return its id; no limit applies."""
        with self._write() as connection:
            values = {"title": title, "wanted_device": device, **waiting(token), **forecast}
            return insert_run(connection, spec, spec_hash, kind, owner=owner, **values)

    def cancel(self, run_id: str, *, owner: str | None = None) -> Run:
        """Cancel a run and return it: at once while it waits, by asking its worker while it works; otherwise nothing changes.

        Raises:
            NotFoundError: there is none of that id.
            NotYoursError: an owner is given and the run is someone else's.
        """
        with self._write() as connection:
            row = row_of(connection, run_id, owner)
            if row["state"] == QUEUED:
                end(connection, row, CANCELLED)
            elif row["state"] == RUNNING:
                connection.execute(update(RUNS).where(RUNS.c.id == run_id).values(cancel=1))
            return records.read_run(row_of(connection, run_id))

    def resume(self, run_id: str, *, owner: str | None = None, device: str | None = None, token: str | None = None) -> Run:
        """Queue an interrupted, failed or cancelled run again, to go on in its own folder, and return it.

        With a token (and the device) the caller works on it itself, once `take` gives it.

        Raises:
            NotFoundError: there is none of that id.
            NotYoursError: an owner is given and the run is someone else's.
            LimitError: the owner already has as many runs waiting or at work as one person may have.
            LabError: the run is not one that can go on.
        """
        with self._write() as connection:
            row = row_of(connection, run_id, owner)
            if records.read_run(row).spec == {} or row["state"] not in records.RESUMABLE:
                raise LabError(_("Run {id} is {state}; only an ended run without a result goes on.").format(**row))
            values = {**AT_REST, "state": QUEUED, "error": None, "finished": None, "device": None}
            if token is None:
                check_limit(connection, row["owner"])
            else:
                values |= {"wanted_device": device or row["wanted_device"], **waiting(token)}
            told = and_(EVENTS.c.run == run_id, EVENTS.c.type.in_(records.TERMINAL))
            connection.execute(delete(EVENTS).where(told))
            connection.execute(update(RUNS).where(RUNS.c.id == run_id).values(**values))
            return records.read_run(row_of(connection, run_id))

    def delete(self, run_id: str, *, owner: str | None = None) -> None:
        """Remove a run that is not at work: its row, its events and its folder.

        Raises:
            NotFoundError: there is none of that id.
            NotYoursError: an owner is given and the run is someone else's.
            LabError: the run is at work.
        """
        with self._write() as connection:
            row = row_of(connection, run_id, owner)
            if row["state"] == RUNNING:
                raise LabError(_("Run {id} is running; cancel it before deleting it.").format(id=run_id))
            remove(connection, run_id)
        remove_folder(run_id)

    def has_turn(self, slots: Mapping[str, int]) -> bool:
        """Tell whether some waiting run could start on a device that is free; cheap enough for every poll."""
        with self._read() as connection:
            return turn_of(connection, slots) is not None

    def claim(self, token: str, slots: Mapping[str, int]) -> Run | None:
        """Start the run whose turn it is, under the token, or return None: no slot suits a waiting run, or it has a holder.

        Two callers never get the same run, and together they never fill more slots than there are.
        """
        with self._write() as connection:
            turn = turn_of(connection, slots)
            if turn is None:
                return None
            run_id, device = turn
            free = and_(RUNS.c.id == run_id, RUNS.c.state == QUEUED, RUNS.c.token.is_(None))
            if connection.execute(update(RUNS).where(free).values(**working(device, token))).rowcount != 1:
                return None
            return records.read_run(row_of(connection, run_id))

    def take(self, run_id: str, token: str, slots: Mapping[str, int]) -> Run:
        """Start a run that waits under the caller's token if it is its turn, renew its lease if not, and return it.

        Raises:
            NotFoundError: the run was deleted.
        """
        with self._write() as connection:
            row = row_of(connection, run_id)
            if (row["state"], row["token"]) == (QUEUED, token):
                mine = turn_of(connection, slots) == (run_id, row["wanted_device"])
                values = working(row["wanted_device"], token) if mine else waiting(token)
                connection.execute(update(RUNS).where(RUNS.c.id == run_id).values(**values))
            return records.read_run(row_of(connection, run_id))

    def check(self, run_id: str, token: str) -> Lease:
        """Tell whether the run is still the token's and whether it should cancel; writes nothing."""
        query = select(RUNS.c.cancel, RUNS.c.time_limit_s).where(held(run_id, token))
        with self._read() as connection:
            row = connection.execute(query).mappings().first()
            return Lease(False) if row is None else lease_of(connection, row)

    def append(self, run_id: str, token: str, events: Sequence[Mapping[str, Any]], *, seconds: float | None = None) -> Lease:
        """Append events, each with its `type`, and renew the lease, in one transaction; a stale token changes nothing.

        Progress is stored in the run's row alone, the latest in place of the one before.

        Args:
            seconds: the time worked on the run so far, over all attempts.
        """
        stored = lasting(events)
        values = {**latest(events), **({} if seconds is None else {"seconds": seconds})}
        with self._write() as connection:
            values |= {"lease_until": time.time(), "last_seq": RUNS.c.last_seq + len(stored)}
            changed = update(RUNS).where(held(run_id, token)).values(**values)
            if connection.execute(changed).rowcount != 1:
                return Lease(False)
            row = row_of(connection, run_id)
            insert_events(connection, run_id, row["last_seq"] - len(stored), stored)
            return lease_of(connection, row)

    def finish(
        self,
        run_id: str,
        token: str,
        state: str,
        *,
        error: str | None = None,
        result: Mapping[str, Any] | None = None,
        events: Sequence[Mapping[str, Any]] = (),
        seconds: float | None = None,
    ) -> bool:
        """End the run with its last events and the seconds worked on it so far, and tell whether it was still the token's to end.

        Interrupting a run that someone asked to cancel cancels it.
        """
        with self._write() as connection:
            row = connection.execute(select(RUNS).where(held(run_id, token))).mappings().first()
            if row is not None:
                end(connection, row, state, error=error, result=result, events=events, seconds=seconds)
            return row is not None

    def standings(self) -> list[Standing]:
        """Return the leases that are held now."""
        with self._read() as connection:
            return rows.standings(connection)

    def abandon(self, standing: Standing) -> bool:
        """Interrupt a run whose lease is still exactly as it was seen, and tell whether it was."""
        with self._write() as connection:
            return rows.abandon(connection, standing)

    def probe(self) -> None:
        """Write something and change nothing; raises where nothing can be written now."""
        with self._write() as connection:
            connection.execute(update(ABOUT).values(value=ABOUT.c.value))
