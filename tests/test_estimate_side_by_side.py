"""How long several runs take side by side: worked by hand, and the trainings counted as the runs then do them."""

from collections import Counter
from pathlib import Path

import pytest
from torch import nn

from compression.estimate import Training, predict_parts
from compression.estimate_side_by_side import Part, Plan, predict_together, schedule
from compression.execute import Workspace, execute
from compression.lab import Lab
from compression.recipe import RECIPE
from compression.spec import parse

SMALL = {"kind": "distill", "teacher": {"name": "mlp", "hidden": [8]}, "student": {"name": "cnn", "width": 1}}
SMALL |= {"teacher_train": {"epochs": 1, "augment": "none"}, "train": {"epochs": 1}, "seeds": [0]}


def training(shared: str = "") -> Training:
    return Training("student", {}, RECIPE.function(), 100, shared=shared)


def plans(count: int, slots: int = 1) -> list[Plan]:
    return [Plan(slots, [Part(None, 1.0), Part(training("teacher"), 10.0), Part(training(), 5.0)]) for _run in range(count)]


@pytest.mark.parametrize(
    ("runs", "slots_of_a_run", "slots", "ends", "trained"),
    [
        (4, 1, 1, 16 + 3 * 6, 1 + 4),  # one after the other: the first alone trains the teacher
        (4, 1, 2, 16 + 6, 2 + 4),  # the first two train it at the same time
        (4, 1, 4, 16, 4 + 4),
        (3, 2, 2, 16 + 2 * 6, 1 + 3),  # a run that takes both cores
        (3, 9, 2, 16 + 2 * 6, 1 + 3),  # or would take more than there are
        (0, 1, 2, 0, 0),
    ],
)
def test_runs_share_slots_and_what_has_been_trained(
    runs: int, slots_of_a_run: int, slots: int, ends: float, trained: int
) -> None:
    end, found = schedule(plans(runs, slots_of_a_run), slots)
    assert (end, len(found)) == (ends, trained)


def test_the_trainings_are_those_that_the_runs_then_do(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    specs = [parse({**SMALL, "loss": {"name": "kd", "temperature": temperature}}) for temperature in (1, 4)]
    folder, done, train = Workspace(tmp_path / "none", tmp_path / "models", tmp_path), Counter(), Lab.train
    parts = [[Part(*part) for part in predict_parts(spec, folder, device="cpu", pace=lambda *_of: 1.0)] for spec in specs]
    expected = Counter(one.role for one in schedule([Plan(1, part) for part in parts], 1)[1])
    ends = {
        slots: predict_together(specs, folder, slots=slots, threads=2, device="cpu", pace=lambda *_of: 1.0) for slots in (1, 2)
    }
    alone = sum(part.seconds for part in parts[0])

    def counted(self: Lab, model: nn.Module, recipe: object, *, role: str, **more: object) -> object:
        done[role] += 1
        return train(self, model, recipe, role=role, **more)

    monkeypatch.setattr(Lab, "train", counted)
    for place, spec in enumerate(specs):
        list(execute(spec, Workspace(tmp_path / str(place), tmp_path / "models", tmp_path)))
    assert done == expected == {"teacher": 1, "baseline": 1, "student": 2}
    assert ends[2] == pytest.approx(alone)
    assert alone < ends[1] < 2 * alone
