"""Sweeps: which runs belong to one request, what becomes of all of them at once."""

import secrets
import time
from collections.abc import Mapping, Sequence
from typing import Any

from sqlalchemy import Connection, delete, insert, select, update

from compression.errors import LabError, NotFoundError, NotYoursError
from compression.runs import records
from compression.runs.database import Database
from compression.runs.records import ACTIVE, QUEUED, RESUMABLE, RUNNING, Run, StoredSweep
from compression.runs.rows import check_limit, insert_run, remove, remove_folder
from compression.runs.schema import RUNS, SWEEPS
from compression.texts import gettext as _


class Sweeps(Database):
    """Reads and writes sweeps. Their runs wait, work and end like all others."""

    def submit_sweep(
        self, spec: Mapping[str, Any], cells: Sequence[Mapping[str, Any]], *, owner: str, device: str = "auto", title: str = ""
    ) -> str:
        """Queue the runs of a sweep, all of them or none, and return the sweep's id.

        Args:
            cells: each with `at`, and either `run`, the id of a finished run of the same spec, or what `submit` takes: `spec`,
                `spec_hash`, `kind`, `title`, and the forecast.

        Raises:
            LimitError: the owner already has as many runs or sweeps waiting or at work as one person may have.
        """
        sweep_id = secrets.token_hex(5)
        with self._write() as connection:
            check_limit(connection, owner)
            held = []
            for cell in cells:
                given = {key: value for key, value in cell.items() if key not in ("at", "run")}
                run = cell.get("run") or _insert(connection, given, owner=owner, wanted_device=device, sweep=sweep_id)
                held.append({"at": cell["at"], "run": run})
            values = {"id": sweep_id, "owner": owner, "title": title, "created": time.time()}
            stored = {"spec": records.encode(spec), "cells": records.encode({"cells": held})}
            connection.execute(insert(SWEEPS).values(**values, **stored))
        return sweep_id

    def sweep(self, sweep_id: str) -> StoredSweep:
        """Return one sweep.

        Raises:
            NotFoundError: there is none of that id.
        """
        with self._read() as connection:
            return _sweep_of(connection, sweep_id)

    def cancel_sweep(self, sweep_id: str, *, owner: str | None = None) -> None:
        """Cancel the runs that a sweep queued and that have not ended.

        Raises:
            NotFoundError: there is none of that id.
            NotYoursError: an owner is given and the sweep is someone else's.
        """
        for run in self._runs_of_sweep(sweep_id, owner, ACTIVE):
            self.cancel(run.id)

    def resume_sweep(self, sweep_id: str, *, owner: str | None = None) -> int:
        """Queue the interrupted, failed and cancelled runs of a sweep again, and return how many there were.

        Raises:
            NotFoundError: there is none of that id.
            NotYoursError: an owner is given and the sweep is someone else's.
            LimitError: the owner already has as many runs or sweeps waiting or at work as one person may have.
            LabError: there is nothing to resume.
        """
        found = self._runs_of_sweep(sweep_id, owner, RESUMABLE)
        if not found:
            raise LabError(_("All runs of this sweep have finished, or still wait or work; there is nothing to resume."))
        for run in found:
            self.resume(run.id)
        return len(found)

    def sweeps(self, *, owner: str | None = None, limit: int | None = None) -> list[StoredSweep]:
        """Return sweeps, newest first: all of them, or those of an owner."""
        mine = [SWEEPS.c.owner == owner] if owner is not None else []
        query = select(SWEEPS).where(*mine).order_by(SWEEPS.c.created.desc(), SWEEPS.c.id.desc()).limit(limit)
        with self._read() as connection:
            return [records.read_sweep(row) for row in connection.execute(query).mappings()]

    def runs_deleted_with(self, sweep_id: str) -> list[str]:
        """Return the runs that go when a sweep is deleted: those that it queued and that no other sweep shows.

        Raises:
            NotFoundError: there is none of that id.
        """
        with self._read() as connection:
            return _going(connection, _sweep_of(connection, sweep_id))

    def delete_sweep(self, sweep_id: str, *, owner: str | None = None) -> int:
        """Remove a sweep and the runs that go with it, with their events and folders; return how many runs these were.

        Raises:
            NotFoundError: there is none of that id.
            NotYoursError: an owner is given and the sweep is someone else's.
            LabError: a run of it is at work.
        """
        with self._write() as connection:
            sweep = _sweep_of(connection, sweep_id, owner)
            going = _going(connection, sweep)
            at_work = select(RUNS.c.id).where(RUNS.c.id.in_(going), RUNS.c.state == RUNNING)
            if connection.execute(at_work).first() is not None:
                raise LabError(_("Runs of sweep {id} are at work; cancel it before deleting it.").format(id=sweep_id))
            for run_id in going:
                remove(connection, run_id)
            connection.execute(update(RUNS).where(RUNS.c.sweep == sweep_id).values(sweep=None))
            connection.execute(delete(SWEEPS).where(SWEEPS.c.id == sweep_id))
        for run_id in going:
            remove_folder(run_id)
        return len(going)

    def _runs_of_sweep(self, sweep_id: str, owner: str | None, states: Sequence[str]) -> list[Run]:
        """Return the runs in certain states that a sweep queued, in the order of its cells."""
        with self._read() as connection:
            _sweep_of(connection, sweep_id, owner)
            query = select(RUNS).where(RUNS.c.sweep == sweep_id, RUNS.c.state.in_(states)).order_by(RUNS.c.created)
            return [records.read_run(row) for row in connection.execute(query).mappings()]


def _insert(connection: Connection, cell: Mapping[str, Any], **values: Any) -> str:
    given = dict(cell)
    spec, spec_hash, kind = given.pop("spec"), given.pop("spec_hash"), given.pop("kind")
    return insert_run(connection, spec, spec_hash, kind, state=QUEUED, **given, **values)


def _sweep_of(connection: Connection, sweep_id: str, owner: str | None = None) -> StoredSweep:
    row = connection.execute(select(SWEEPS).where(SWEEPS.c.id == sweep_id)).mappings().first()
    if row is None:
        raise NotFoundError(_("There is no sweep {id!r}.").format(id=sweep_id[:80]))
    if owner is not None and row["owner"] != owner:
        raise NotYoursError(_("Sweep {id} belongs to someone else.").format(id=sweep_id))
    return records.read_sweep(row)


def _going(connection: Connection, sweep: StoredSweep) -> list[str]:
    """Return the runs that a sweep queued and that no other sweep shows, in their order."""
    others = map(records.read_sweep, connection.execute(select(SWEEPS).where(SWEEPS.c.id != sweep.id)).mappings())
    shown = {cell["run"] for other in others for cell in other.cells}
    query = select(RUNS.c.id).where(RUNS.c.sweep == sweep.id).order_by(RUNS.c.created, RUNS.c.id)
    return [run_id for run_id in connection.scalars(query) if run_id not in shown]
