"""How a store of an earlier version becomes one of today, step by step; every step is written down and never changes again."""

import json
import logging
import sqlite3
import time
from collections.abc import Callable
from contextlib import closing, suppress
from pathlib import Path

from sqlalchemy import Connection, text

from compression.errors import LabError
from compression.runs.records import decode
from compression.texts import gettext as _

PROGRESS_FIELDS = ("role", "seed", "epoch", "epochs")
LOG = logging.getLogger(__name__)


def upgrade(connection: Connection, found: int, known: int) -> None:
    """Bring a store from version `found` to version `known` within the caller's transaction, after a copy of SQLite's file.

    The caller's transaction must hold the write lock, so that nothing is written between the copy and the first step. A
    PostgreSQL database is not copied: a dump is its owner's business.

    Raises:
        LabError: the copy cannot be written; the store is then as it was.
    """
    copy = _copy_file(connection, found)
    for version in range(found, known):
        STEPS[version](connection)
    connection.execute(text("UPDATE about SET value = :version WHERE key = 'schema_version'"), {"version": str(known)})
    message = _("The store was upgraded from version {found} to {known}.").format(found=found, known=known)
    LOG.warning("%s %s", message, _("A copy of it as it was: {copy}").format(copy=copy) if copy else "")


def _copy_file(connection: Connection, version: int) -> Path | None:
    """Copy an SQLite database beside itself and return where; None for any other database."""
    name = connection.engine.url.database
    if connection.dialect.name != "sqlite" or not name or name == ":memory:":
        return None
    file = Path(name)
    copy = file.with_name(f"{file.stem}-copy-of-version-{version}-{time.strftime('%Y-%m-%d-%H%M%S')}{file.suffix}")
    # SQLite copies by itself: opening the file by hand and closing it would drop the locks that this process holds on it.
    try:
        with closing(sqlite3.connect(file)) as source, closing(sqlite3.connect(copy)) as target:
            source.backup(target)
    except sqlite3.Error as error:
        with suppress(OSError):
            copy.unlink()
        message = _("The store must be copied before it is upgraded, but {copy} cannot be written: {why}.")
        raise LabError(message.format(copy=copy, why=error)) from error
    return copy


def _to_version_2(connection: Connection) -> None:
    for column in (
        "progress TEXT",
        "host VARCHAR",
        "expected_s FLOAT",
        "priority INTEGER NOT NULL DEFAULT 0",
        "time_limit_s FLOAT",
        "cores INTEGER NOT NULL DEFAULT 1",
    ):
        connection.execute(text(f"ALTER TABLE runs ADD COLUMN {column}"))
    _keep_last_progress(connection)
    people = "owner VARCHAR NOT NULL PRIMARY KEY, name VARCHAR NOT NULL, colour VARCHAR NOT NULL, seen FLOAT NOT NULL"
    for statement in (
        f"CREATE TABLE people ({people})",
        "CREATE TABLE room (key VARCHAR NOT NULL PRIMARY KEY, value TEXT NOT NULL)",
        "DROP INDEX IF EXISTS ix_runs_hash",
        "DROP INDEX IF EXISTS ix_runs_state",
        "DROP INDEX IF EXISTS ix_runs_created",
        "DROP INDEX IF EXISTS runs_by_owner",
        "CREATE INDEX runs_by_created ON runs (created, id)",
        "CREATE INDEX runs_by_hash ON runs (hash, state, finished)",
        "CREATE INDEX runs_by_state ON runs (state, created)",
        "CREATE INDEX runs_by_owner ON runs (owner, state, created)",
        "CREATE INDEX runs_by_kind ON runs (kind, state, created)",
        "CREATE INDEX events_by_type ON events (run, type, seq)",
    ):
        connection.execute(text(statement))
    _let_all_images_transfer(connection)


def _keep_last_progress(connection: Connection) -> None:
    """Move the last progress of each run into its row; earlier versions stored every one as an event."""
    last = "SELECT run, MAX(seq) AS seq FROM events WHERE type = 'progress' GROUP BY run"
    query = f"SELECT events.run, payload FROM events JOIN ({last}) AS last ON events.run = last.run AND events.seq = last.seq"
    for run_id, payload in connection.execute(text(query)).all():
        told = decode(payload) or {}
        progress = json.dumps({name: told[name] for name in PROGRESS_FIELDS if name in told})
        connection.execute(text("UPDATE runs SET progress = :progress WHERE id = :id"), {"progress": progress, "id": run_id})
    connection.execute(text("DELETE FROM events WHERE type = 'progress'"))


def _let_all_images_transfer(connection: Connection) -> None:
    """Write into every distillation that its student learns from all images, as they all did.

    The hash stays: a result of an earlier version answers no spec of today, whose fields, and numbers, are others.
    """
    for run_id, stored in connection.execute(text("SELECT id, spec FROM runs WHERE kind = 'distill'")).all():
        spec = decode(stored)
        if spec and "transfer" not in spec:
            values = {"spec": json.dumps({**spec, "transfer": {"images": None}}), "id": run_id}
            connection.execute(text("UPDATE runs SET spec = :spec WHERE id = :id"), values)


def _to_version_3(connection: Connection) -> None:
    connection.execute(text("ALTER TABLE runs ADD COLUMN sweep VARCHAR"))
    columns = "owner VARCHAR NOT NULL, title VARCHAR NOT NULL, spec TEXT NOT NULL, cells TEXT NOT NULL, created FLOAT NOT NULL"
    connection.execute(text(f"CREATE TABLE sweeps (id VARCHAR NOT NULL PRIMARY KEY, {columns})"))


STEPS: dict[int, Callable[[Connection], None]] = {1: _to_version_2, 2: _to_version_3}
