"""What watching a run costs and tells: only what is new is read, for everybody at once."""

import dataclasses
from pathlib import Path

import pandas as pd
import pytest

from compression.errors import NotFoundError
from compression.runs import store
from tests.pages.stored_runs import TOKEN, started, told
from ui.run import feed as watching
from ui.run import live


@pytest.fixture(autouse=True)
def lab_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A fresh store."""
    monkeypatch.setenv("LAB_HOME", str(tmp_path))
    monkeypatch.delenv("LAB_DATABASE_URL", raising=False)


def point(epoch: float, accuracy: float = 0.5) -> dict:
    values = {"val_accuracy": accuracy}
    return {"type": "metric", "role": "student", "seed": 0, "epoch": epoch, "values": values}


def test_each_look_adds_what_is_new() -> None:
    run = started()
    told(run, point(1.0))
    assert watching.watch(run).frame["epoch"].tolist() == [1.0]
    told(run, point(2.0), {"type": "progress", "fraction": 0.5, "seconds_left": None, "epoch": 2.0, "epochs": 4})
    seen = watching.watch(run)
    assert seen.frame["epoch"].tolist() == [1.0, 2.0]
    assert seen.run.progress["epoch"] == 2.0
    assert seen.run.fraction == 0.5


def test_events_are_read_once_for_all_who_watch(monkeypatch: pytest.MonkeyPatch) -> None:
    run = started()
    told(run, point(1.0))
    asked: list[int] = []
    original = store().events
    monkeypatch.setattr(
        store(), "events", lambda run_id, after, types: asked.append(after) or original(run_id, after, types=types)
    )
    assert watching.watch(run) is watching.watch(run)
    assert asked[0] == 0
    assert min(asked[1:]) > 0


def test_a_chart_is_drawn_again_only_for_new_metrics() -> None:
    run, drawn = started(), []

    def draw(frame: pd.DataFrame) -> dict:
        drawn.append(len(frame))
        return {}

    told(run, point(1.0))
    for _look in range(3):
        watching.watch(run).figure("accuracy", draw)
    told(run, {"type": "progress", "fraction": 0.5, "seconds_left": None})
    watching.watch(run).figure("accuracy", draw)
    assert drawn == [1]
    told(run, point(2.0))
    watching.watch(run).figure("accuracy", draw)
    assert drawn == [1, 2]


def test_a_deleted_run_is_not_there_any_more() -> None:
    run = started()
    watching.watch(run)
    store().finish(run, TOKEN, "failed", error="It broke.")
    store().delete(run)
    with pytest.raises(NotFoundError):
        watching.watch(run)


class Redrawn(Exception):
    """Stands for Streamlit's drawing of the whole page once more."""


def test_a_run_resumed_right_after_it_was_drawn_is_seen_to_work(monkeypatch: pytest.MonkeyPatch) -> None:
    run, fragments = started(), []
    store().finish(run, TOKEN, "interrupted")
    monkeypatch.setattr(live.st, "fragment", lambda refresh, run_every: fragments.append(refresh) or refresh)
    monkeypatch.setattr(live.st, "rerun", lambda scope: (_ for _ in ()).throw(Redrawn(scope)))
    live.follow(run, lambda seen: None)
    store().resume(run)
    with pytest.raises(Redrawn, match="app"):
        fragments[0]()


@pytest.mark.parametrize(("expected_s", "often"), [(None, True), (15.0, True), (600.0, False)])
def test_a_long_run_is_looked_at_less_often(expected_s: float | None, often: bool) -> None:
    run = dataclasses.replace(store().run(started()), expected_s=expected_s)
    assert (live.poll_s(run) == live.POLL_S < live.LONG_POLL_S) == often
