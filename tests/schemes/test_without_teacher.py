"""Distillations whose losses look at no teacher: none is trained, and nothing is said of one."""

import pytest

from compression.estimate import trainings
from compression.execute import Workspace, execute
from compression.schemes import roles
from compression.spec import parse
from tests.distillation.test_contract import ENTRIES
from ui.run.verdicts import verdicts
from ui.run.words import networks

FREE = [entry.name for entry in ENTRIES if entry.traits.get("teacher_free")]
SMALL = {"kind": "distill", "student": {"name": "cnn", "width": 2}, "train": {"epochs": 1}, "seeds": [0, 1]}


def executed(root, **changes):
    """Return the events of a small run in a folder."""
    workspace = Workspace(root / "runs" / "one", root / "models", root / "runs")
    workspace.folder.mkdir(parents=True)
    return list(execute(parse({**SMALL, **changes}), workspace))


@pytest.mark.parametrize("name", FREE)
def test_no_teacher_is_trained_or_forecast(name, tmp_path):
    spec = parse({**SMALL, "loss": {"name": name}})
    assert roles(spec) == ["baseline", "student"]
    assert {training.role for training in trainings(spec, Workspace(tmp_path, tmp_path, tmp_path))} == {"baseline", "student"}
    result = executed(tmp_path, loss={"name": name})[-1]["result"]
    assert result["models"].keys() == {"baseline", "student"}
    assert result["teacher_verdict"] is None
    assert "agreement" not in result["models"]["student"]
    (answer,) = verdicts("distill", result, spec.to_json())
    assert answer.question == "Does the loss help?"


def test_the_student_is_the_one_that_it_was_beside_a_teacher(tmp_path):
    """A list with a loss that looks at the teacher, and weighs nothing, trains one; the student is the same."""
    alone, beside = [{"name": "label_smoothing"}], [{"name": "label_smoothing"}, {"name": "kd", "weight": 0, "alpha": 1}]
    teacher = {"teacher": {"name": "cnn", "width": 2}, "teacher_train": {"epochs": 1}}
    found = []
    for place, loss in enumerate((alone, beside)):
        result = executed(tmp_path / str(place), loss=loss, label_weight=0.5, **teacher)[-1]["result"]
        assert ("teacher" in result["models"]) == bool(place)
        found.append([row["accuracy"] for row in result["models"]["student"]["per_seed"]])
    assert found[0] == found[1]


def test_its_run_says_that_there_is_no_teacher():
    spec = parse({**SMALL, "loss": {"name": "label_smoothing"}}).to_json()
    assert "teacher" in networks(type("Told", (), {"kind": "distill", "spec": spec}))
    assert "without" in networks(type("Told", (), {"kind": "distill", "spec": spec}))
