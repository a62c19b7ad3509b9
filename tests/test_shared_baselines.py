"""Baselines are trained once for all runs that differ only in what the teacher adds."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from compression import lab
from compression.estimate import trainings
from compression.execute import Workspace, execute
from compression.execute.shared import shared_baseline
from compression.spec import parse

SHORT = {
    "kind": "distill",
    "teacher": {"name": "cnn", "width": 4},
    "teacher_train": {"epochs": 1},
    "student": {"name": "cnn", "width": 2},
    "train": {"epochs": 2},
    "transfer": {"images": 100},
    "seeds": [0, 1],
}


def workspace(root: Path, run: str) -> Workspace:
    return Workspace(root / "runs" / run, root / "models", root / "runs")


@pytest.fixture
def trained(monkeypatch: pytest.MonkeyPatch) -> list[tuple[str, int]]:
    """The roles and seeds of the trainings that happened."""
    seen: list[tuple[str, int]] = []
    true = lab.Lab.train

    def spy(self: lab.Lab, *given: Any, role: str, seed: int, **more: Any) -> Iterator[Any]:
        seen.append((role, seed))
        return true(self, *given, role=role, seed=seed, **more)

    monkeypatch.setattr(lab.Lab, "train", spy)
    return seen


def run(root: Path, name: str, **changes: Any) -> list[dict[str, Any]]:
    return list(execute(parse({**SHORT, **changes}), workspace(root, name)))


def metrics(events: list[dict[str, Any]], role: str) -> list[dict[str, Any]]:
    return [event for event in events if event["type"] == "metric" and event["role"] == role]


def test_another_temperature_trains_no_baseline_and_tells_the_same_of_it(tmp_path: Path, trained: list[tuple[str, int]]) -> None:
    first = run(tmp_path, "one")
    trained.clear()
    second = run(tmp_path, "two", loss={"name": "kd", "temperature": 9.0})
    assert trained == [("student", 0), ("student", 1)]
    assert metrics(second, "baseline") == metrics(first, "baseline")
    before, after = (events[-1]["result"]["models"]["baseline"] for events in (first, second))
    assert (before.pop("cached_seeds"), after.pop("cached_seeds")) == ([], [0, 1])
    assert {**before, "latency_ms": None} == {**after, "latency_ms": None}
    files = [(tmp_path / "runs" / name / "baseline-seed1.safetensors").stat() for name in ("one", "two")]
    assert files[0].st_ino == files[1].st_ino
    fractions = [event["fraction"] for event in second if event["type"] == "progress"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)


@pytest.mark.parametrize(
    "changes",
    [
        {"student": {"name": "cnn", "width": 3}},
        {"transfer": {"images": 101}},
        {"teacher": {"name": "cnn", "width": 5}},
        {"teacher_train": {"epochs": 2}},
        {"train": {"epochs": 2, "lr": 0.01}},
        {"train": {"epochs": 1}},
        {"dataset": {"name": "digits", "split_seed": 1}},
        {"seeds": [2]},
    ],
    ids=str,
)
def test_what_its_network_or_its_curve_depends_on_makes_another_baseline(tmp_path: Path, changes: dict[str, Any]) -> None:
    one, other = parse(SHORT), parse({**SHORT, **changes})
    keys = [shared_baseline(spec, tmp_path, spec.seeds[0], spec.train["lr"]) for spec in (one, other)]
    assert keys[0] != keys[1]


def test_a_baseline_tuned_before_is_not_tuned_again(tmp_path: Path, trained: list[tuple[str, int]]) -> None:
    tune = {"tune": {"lr": [0.01, 0.1]}, "seeds": [0]}
    first = run(tmp_path, "one", **tune)
    trained.clear()
    second = run(tmp_path, "two", loss={"name": "kd", "temperature": 9.0}, **tune)
    assert {role for role, _seed in trained} == {"student"}
    assert second[-1]["result"]["tuning"]["baseline"] == first[-1]["result"]["tuning"]["baseline"]


def test_a_training_that_an_earlier_process_began_is_not_cached(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("compression.training.CHECKPOINT_SECONDS", 0.0)
    running = execute(parse({**SHORT, "train": {"epochs": 4}, "seeds": [0]}), workspace(tmp_path, "one"))
    for event in running:
        if event["type"] == "metric" and event["role"] == "baseline" and event["epoch"] == 3:
            break
    running.close()
    spec = parse({**SHORT, "train": {"epochs": 4}, "seeds": [0]})
    *_events, last = execute(spec, workspace(tmp_path, "one"))
    assert last["type"] == "result"
    assert not shared_baseline(spec, tmp_path / "models", 0, spec.train["lr"]).cached


def test_a_damaged_curve_is_trained_again(tmp_path: Path, trained: list[tuple[str, int]]) -> None:
    run(tmp_path, "one")
    spec = parse(SHORT)
    shared_baseline(spec, tmp_path / "models", 0, spec.train["lr"]).curve.write_text("[[0, ")
    trained.clear()
    run(tmp_path, "two", loss={"name": "kd", "temperature": 9.0})
    assert trained == [("baseline", 0), ("student", 0), ("student", 1)]
    assert shared_baseline(spec, tmp_path / "models", 0, spec.train["lr"]).cached


def test_the_forecast_counts_no_cached_baseline(tmp_path: Path) -> None:
    def roles(name: str) -> list[str]:
        return [training.role for training in trainings(parse(SHORT), workspace(tmp_path, name))]

    assert roles("one") == ["teacher", "baseline", "baseline", "student", "student"]
    run(tmp_path, "one")
    assert roles("two") == ["student", "student"]
