"""Sweeps in the store: all their runs or none, one place among a person's runs, ended and resumed together."""

from typing import Any

import pytest
from sqlalchemy import update

from compression import runs, settings
from compression.errors import LabError, LimitError, NotFoundError, NotYoursError
from compression.runs.records import CANCELLED, FINISHED, INTERRUPTED, QUEUED, RUNNING
from compression.runs.schema import RUNS
from compression.runs.store import Store
from compression.runs.sweeping import outcomes, submit_sweep, title_of
from compression.sweep import parse_sweep

SPEC = {"kind": "distill", "student": {"name": "mlp", "hidden": [4]}, "seeds": [0]}
SWEEP = parse_sweep({"kind": "sweep", "base": SPEC, "over": {"loss.temperature": [1, 4, 8]}})


@pytest.fixture(autouse=True)
def no_supervisor(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compression.runs.sweeping.ensure_alive", lambda: None)


def asked(store: Store, owner: str = "ada") -> Any:
    return store.sweep(submit_sweep(SWEEP, owner=owner, title="hot"))


def test_its_runs_wait_like_others_with_titles_that_tell_them_apart(store: Store) -> None:
    sweep = asked(store)
    assert (sweep.owner, sweep.title, sweep.spec) == ("ada", "hot", SWEEP.to_json())
    for cell, wanted in zip(sweep.cells, SWEEP.cells(), strict=True):
        run = store.run(cell["run"])
        assert cell["at"] == wanted.at
        assert (run.state, run.owner, run.spec, run.hash) == (QUEUED, "ada", wanted.spec.to_json(), wanted.spec.hash)
        assert (run.title, run.sweep) == (f"temperature {cell['at']['loss.temperature']}", sweep.id)
        assert run.expected_s > 0


def test_a_sweep_counts_as_one_of_a_persons_runs(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_RUNS_PER_PERSON", "2")
    asked(store)
    asked(store)
    with pytest.raises(LimitError, match="You already have 2 runs"):
        asked(store)
    assert len(store.runs(owner="ada")) == 6
    asked(store, owner="bob")


def test_too_long_a_sweep_queues_nothing(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_LONG_RUN_SECONDS", "1")
    with pytest.raises(LimitError, match="together"):
        asked(store)
    assert store.runs() == []


def test_what_finished_before_whoever_asked_for_it_is_not_run_again(store: Store) -> None:
    one = SWEEP.cells()[1].spec
    run_id = store.submit(one.to_json(), one.hash, "distill", owner="bob")
    result = {"models": {"student": {}}, "verdict": None, "images": {"validation": 259}}
    assert store.claim("token", {"cpu": 1}).id == run_id
    store.finish(run_id, "token", FINISHED, result=result)
    sweep = asked(store)
    assert [cell["run"] == run_id for cell in sweep.cells] == [False, True, False]
    rows = outcomes(sweep, store.runs())
    assert [row["state"] for row in rows] == [QUEUED, FINISHED, QUEUED]
    assert [row["models"] for row in rows] == [None, {"student": {}}, None]
    store.cancel_sweep(sweep.id, owner="ada")
    assert store.run(run_id).state == FINISHED


def test_all_runs_are_cancelled_and_resumed_together(store: Store) -> None:
    sweep, other = asked(store), asked(store, owner="bob")
    first = store.claim("token", {"cpu": 1})
    assert first.sweep in (sweep.id, other.id)
    mine = store.sweep(first.sweep)
    store.cancel_sweep(mine.id)
    states = sorted(store.run(cell["run"]).state for cell in mine.cells)
    assert states == [CANCELLED, CANCELLED, RUNNING]
    assert store.check(first.id, "token").cancel
    store.finish(first.id, "token", INTERRUPTED)
    assert store.resume_sweep(mine.id) == 3
    assert {store.run(cell["run"]).state for cell in mine.cells} == {QUEUED}
    with pytest.raises(LabError, match="nothing to resume"):
        store.resume_sweep(mine.id)


def test_a_sweep_is_its_owners(store: Store) -> None:
    sweep = asked(store)
    for act in (store.cancel_sweep, store.resume_sweep):
        with pytest.raises(NotYoursError, match="belongs to someone else"):
            act(sweep.id, owner="bob")
    with pytest.raises(NotFoundError, match="There is no sweep 'nothing'"):
        store.cancel_sweep("nothing")


def test_a_deleted_run_leaves_its_cell_empty(store: Store) -> None:
    sweep = asked(store)
    store.cancel_sweep(sweep.id)
    store.delete(sweep.cells[0]["run"])
    assert [row["state"] for row in outcomes(sweep, runs.store().runs())] == [None, CANCELLED, CANCELLED]


def test_a_sweep_is_deleted_with_the_runs_that_it_alone_shows(store: Store) -> None:
    first = asked(store)
    store.cancel_sweep(first.id)
    one, *others = (store.run(cell["run"]) for cell in first.cells)
    with store._write() as connection:
        connection.execute(update(RUNS).where(RUNS.c.id == one.id).values(state=FINISHED, result="{}"))
    (settings.runs_folder() / one.id).mkdir(parents=True)
    (settings.runs_folder() / others[0].id).mkdir()
    second = asked(store, owner="bob")
    assert second.cells[0]["run"] == one.id
    assert [sweep.id for sweep in store.sweeps()] == [second.id, first.id]
    assert [sweep.id for sweep in store.sweeps(owner="ada", limit=1)] == [first.id]
    with pytest.raises(NotYoursError, match="belongs to someone else"):
        store.delete_sweep(first.id, owner="bob")
    assert store.runs_deleted_with(first.id) == [run.id for run in others]
    assert store.delete_sweep(first.id, owner="ada") == 2
    assert [sweep.id for sweep in store.sweeps()] == [second.id]
    assert {run.id for run in store.runs(owner="ada")} == {one.id}
    assert store.run(one.id).sweep is None
    assert [folder.name for folder in settings.runs_folder().iterdir()] == [one.id]
    assert len(store.runs(owner="bob")) == 2


def test_a_sweep_at_work_is_not_deleted(store: Store) -> None:
    sweep = asked(store)
    store.claim("token", {"cpu": 1})
    with pytest.raises(LabError, match="are at work; cancel it before deleting it"):
        store.delete_sweep(sweep.id)
    assert len(store.runs()) == 3


def test_titles_name_values_of_every_kind() -> None:
    assert title_of({"loss": {"name": "kd"}, "student.width": 4}) == "loss kd, width 4"
    assert title_of({"train.lr": 0.05}) == "lr 0.05"
