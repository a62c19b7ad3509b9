"""What losses train themselves: it learns along with the student, outlives an interruption, and is in no file of the student."""

import copy

import pytest
import torch

from compression.distillation import DISTILLATION
from compression.export import weights
from compression.networks import facts_of
from compression.objective import Objective, build_objective
from compression.recipe import Recipe
from compression.teacher import Teacher
from compression.training import Epoch, train
from tests.test_training import network, run, toy

TRAINED = [entry.name for entry in DISTILLATION.values() if isinstance(entry.function, type)]
RECIPE = Recipe(2, 16, 0.01, "sgd", 0.9, "onecycle", 0.01, "shift_flip")


@pytest.fixture(params=TRAINED)
def objective(request):
    return build_objective(DISTILLATION.check({"name": request.param}, "loss"))


@pytest.fixture
def started(monkeypatch):
    """The objectives of trainings to come, each with what it compares and its weights at first."""
    found, between = [], Objective.between

    def spy(self, *given, **more):
        compared = between(self, *given, **more)
        found.append((compared, copy.deepcopy(compared.total.state_dict())))
        return compared

    monkeypatch.setattr(Objective, "between", spy)
    return found


def test_all_of_it_is_trained_and_the_students_file_has_none(objective, started, tmp_path):
    dataset = toy()
    student, guide = network(dataset), network(dataset, 1, 4).eval()
    before = copy.deepcopy(guide.state_dict())
    run(student, dataset, RECIPE, objective=objective, teacher=Teacher(guide, dataset))
    ((compared, first),) = started
    assert dict(compared.total.named_parameters())
    assert all(not torch.equal(first[name], tensor) for name, tensor in compared.total.named_parameters())
    assert all(torch.equal(before[name], tensor) for name, tensor in compared.teacher.model.state_dict().items())
    path = tmp_path / "student.safetensors"
    weights.save(path, student, facts_of({"name": "cnn", "width": 2}, dataset))
    assert weights.load(path)[0].keys() == network(dataset).state_dict().keys()


def test_a_resumed_training_ends_with_the_same_bits(objective, started, monkeypatch, tmp_path):
    monkeypatch.setattr("compression.training.CHECKPOINT_SECONDS", 0.0)
    dataset, checkpoint = toy(), tmp_path / "a.checkpoint"
    options = {"objective": objective, "teacher": Teacher(network(dataset, 1, 4).eval(), dataset)}
    whole, resumed = network(dataset), network(dataset, seed=99)
    told = run(whole, dataset, RECIPE, **options)
    interrupted = train(network(dataset), dataset, RECIPE, seed=3, checkpoint=checkpoint, **options)
    next(event for event in interrupted if isinstance(event, Epoch) and event.epoch == 2)
    interrupted.close()
    assert run(resumed, dataset, RECIPE, checkpoint=checkpoint, **options) == told[-1:]
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True))
    first, last = (started[place][0].total.state_dict() for place in (0, -1))
    assert all(torch.equal(tensor, last[name]) for name, tensor in first.items())
