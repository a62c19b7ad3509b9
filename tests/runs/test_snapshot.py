"""The newest runs are read once for all, and specs and results only when they can have changed."""

import pytest

from compression import runs
from compression.runs.records import CANCELLED, FINISHED, INTERRUPTED
from compression.runs.snapshot import Snapshot
from compression.runs.store import Store
from tests.runs.conftest import submit


def test_it_always_says_what_the_store_says(store: Store) -> None:
    snapshot = Snapshot(store, 3)

    def same() -> bool:
        return snapshot.look() == store.runs(limit=3)

    assert same()
    first, second = submit(store, temperature=1), submit(store, temperature=2)
    assert same()
    store.claim("t", {"cpu": 1})
    assert same()
    store.append(first, "t", [{"type": "stage", "text": "Training"}, {"type": "progress", "fraction": 0.5, "seconds_left": 3}])
    assert same()
    store.cancel(first)
    assert same()
    assert store.finish(first, "t", CANCELLED)
    assert same()
    store.resume(first)
    store.claim("u", {"cpu": 1})
    assert same()
    store.finish(first, "u", FINISHED, result={"models": {}})
    store.claim("v", {"cpu": 1})
    store.finish(second, "v", INTERRUPTED)
    assert same()
    store.delete(first)
    assert same()
    for _index in range(4):
        submit(store)
    assert same()


def test_contents_are_read_once(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id = submit(store)
    store.claim("t", {"cpu": 1})
    read = []
    original = store.runs_of
    monkeypatch.setattr(store, "runs_of", lambda ids: read.extend(ids) or original(ids))
    snapshot = Snapshot(store, 10)
    for fraction in (0.1, 0.2, 0.3):
        store.append(run_id, "t", [{"type": "progress", "fraction": fraction, "seconds_left": None}])
        assert [run.fraction for run in snapshot.look()] == [fraction]
    assert read == [run_id]


def test_a_run_that_cannot_be_read_reads_as_failed(store: Store) -> None:
    run_id = submit(store)
    with store._write() as connection:
        connection.exec_driver_sql("UPDATE runs SET spec = '{\"kind'")
    snapshot = Snapshot(store, 10)
    for _look in range(2):
        assert [(run.id, run.state) for run in snapshot.look()] == [(run_id, "failed")]


def test_all_threads_share_one_look(store: Store) -> None:
    submit(store)
    seen = runs.newest(10)
    submit(store)
    assert runs.newest(10, fresh_s=3600) is seen
    assert len(runs.newest(10)) == 2
