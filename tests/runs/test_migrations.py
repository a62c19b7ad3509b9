"""A store of an earlier version opens with everything in it, after a copy.

`stores/version_1.sql` was made by the lab of version 1: two real runs of the command line, and one run of each other state.
"""

import json
import sqlite3
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
from sqlalchemy import inspect

from compression.errors import LabError
from compression.runs import migrations
from compression.runs.records import CANCELLED, FAILED, FINISHED, INTERRUPTED, QUEUED, RUNNING
from compression.runs.schema import SCHEMA_VERSION
from compression.runs.store import Store
from compression.spec import parse
from tests.runs.conftest import OTHER_DATABASE

pytestmark = pytest.mark.skipif(OTHER_DATABASE is not None, reason="about SQLite's file")
VERSION_1 = Path(__file__).parent / "stores" / "version_1.sql"
DISTILLED, COMPRESSED, BROKEN, AT_WORK = "ec157f27b0", "90a7d8cb4d", "318d46a411", "c8f3dcc1a1"


@pytest.fixture
def old(home: Path) -> Path:
    """Return the file of a store of version 1."""
    home.mkdir()
    _script(home / "lab.db", VERSION_1.read_text())
    return home / "lab.db"


def _script(file: Path, statements: str) -> None:
    with sqlite3.connect(file) as connection:
        connection.executescript(statements)
    connection.close()


def _rows(file: Path, query: str) -> list[tuple]:
    with sqlite3.connect(file) as connection:
        found = connection.execute(query).fetchall()
    connection.close()
    return found


def test_every_run_is_there_with_its_events_and_result(old: Path) -> None:
    before = _rows(old, "SELECT id, state, owner, title, created, seconds, hash, result FROM runs")
    told = _rows(old, "SELECT run, seq, time, type FROM events WHERE type != 'progress' ORDER BY run, seq")
    assert {state for _id, state, *_more in before} == {QUEUED, RUNNING, FINISHED, FAILED, CANCELLED, INTERRUPTED}
    store = Store()
    for run_id, state, owner, title, created, seconds, spec_hash, result in before:
        run = store.run(run_id)
        assert (run.owner, run.title, run.created, run.seconds, run.hash) == (owner, title, created, seconds, spec_hash)
        assert run.state == (FAILED if title == "torn" else state)
        assert run.result == (None if result is None else json.loads(result))
    ids = sorted(run_id for run_id, *_more in before)
    assert [(run_id, event.seq, event.time, event.type) for run_id in ids for event in store.events(run_id)] == told
    assert store.run(COMPRESSED).result["models"]["compressed"]["size_bytes"] > 0
    assert store.find_finished(store.run(COMPRESSED).hash).id == COMPRESSED
    store.close()


def test_students_of_before_learned_from_all_images(old: Path) -> None:
    readable = _rows(old, "SELECT id, spec FROM runs WHERE title != 'torn'")
    store = Store()
    for run_id, spec in ((run_id, json.loads(stored)) for run_id, stored in readable):
        added = {"transfer": {"images": None}} if spec["kind"] == "distill" else {}
        assert store.run(run_id).spec == {**spec, **added}
        assert parse(store.run(run_id).spec).to_json().items() >= added.items()
    store.close()


def test_of_progress_only_the_last_is_left_as_part_of_the_run(old: Path) -> None:
    store = Store()
    assert store.run(BROKEN).progress == {"role": "student", "seed": 1, "epoch": 7, "epochs": 20}
    assert store.run(AT_WORK).progress == {"role": "student", "seed": 0, "epoch": 4, "epochs": 20}
    assert _rows(old, "SELECT * FROM events WHERE type = 'progress'") == []
    store.close()


def test_an_upgraded_store_has_the_tables_of_a_new_one(old: Path, tmp_path: Path) -> None:
    upgraded, new = Store(), Store(f"sqlite:///{tmp_path / 'new.db'}")
    assert _layout(upgraded) == _layout(new)
    for store in (upgraded, new):
        store.close()


def _layout(store: Store) -> dict[str, object]:
    tables = inspect(store._engine)
    return {
        name: (
            sorted((column["name"], str(column["type"]), column["nullable"]) for column in tables.get_columns(name)),
            sorted((index["name"], tuple(index["column_names"])) for index in tables.get_indexes(name)),
            tables.get_pk_constraint(name)["constrained_columns"],
        )
        for name in tables.get_table_names()
    }


def test_the_store_as_it_was_is_copied_first(old: Path, caplog: pytest.LogCaptureFixture) -> None:
    before = _rows(old, "SELECT * FROM runs"), _rows(old, "SELECT * FROM events")
    Store().close()
    (copy,) = old.parent.glob("lab-copy-of-version-1-*.db")
    assert (_rows(copy, "SELECT * FROM runs"), _rows(copy, "SELECT * FROM events")) == before
    assert str(copy) in caplog.text
    Store().close()
    assert list(old.parent.glob("lab-copy-*")) == [copy]


def test_many_who_open_it_at_once_upgrade_it_once(old: Path) -> None:
    with ThreadPoolExecutor(8) as pool:
        stores = list(pool.map(lambda _index: Store(), range(8)))
    assert {len(store.runs()) for store in stores} == {9}
    assert len(list(old.parent.glob("lab-copy-*"))) == 1
    for store in stores:
        store.close()


def test_an_upgrade_that_fails_changes_nothing(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    before = _rows(old, "SELECT * FROM runs"), _rows(old, "SELECT * FROM events")
    monkeypatch.setattr(migrations, "_let_all_images_transfer", lambda connection: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        Store()
    assert (_rows(old, "SELECT * FROM runs"), _rows(old, "SELECT * FROM events")) == before
    assert _rows(old, "SELECT value FROM about") == [("1",)]


def test_without_a_copy_there_is_no_upgrade(old: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(migrations.time, "strftime", lambda _format: "now")
    (old.parent / "lab-copy-of-version-1-now.db").mkdir()
    with pytest.raises(LabError, match=r"^The store must be copied before it is upgraded, but .* cannot be written: .*\.$"):
        Store()
    assert _rows(old, "SELECT value FROM about") == [("1",)]


def test_rows_that_cannot_be_read_stay_as_they_are(old: Path) -> None:
    _script(
        old,
        """
        UPDATE runs SET spec = x'ff00' WHERE title = 'waiting';
        UPDATE runs SET spec = '[1]' WHERE title = 'at work';
        INSERT INTO events VALUES ('c8f3dcc1a1', 900, 'now', 'progress', '{"role"');
        UPDATE runs SET id = x'ff', spec = '{}', created = 'yesterday' WHERE title = 'waiting too';
        """,
    )
    store = Store()
    assert {run.title: run.state for run in store.runs()}.items() >= {
        "waiting": FAILED,
        "at work": FAILED,
        "waiting too": QUEUED,
    }.items()
    assert _rows(old, "SELECT spec FROM runs WHERE title IN ('at work', 'waiting') ORDER BY title") == [("[1]",), (b"\xff\x00",)]
    assert store.run(AT_WORK).progress == {}
    store.close()


@pytest.mark.parametrize("version", ["99", "0", "two"])
def test_a_store_that_is_newer_or_foreign_is_refused(old: Path, version: str) -> None:
    _script(old, f"UPDATE about SET value = '{version}'")
    with pytest.raises(LabError, match=f"has version {version} and this lab reads version {SCHEMA_VERSION}: update"):
        Store()
    assert list(old.parent.glob("lab-copy-*")) == []
