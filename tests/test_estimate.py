"""How long a run will take, told beforehand: the trainings are counted as the run then does them."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
import torch
from torch import nn

from compression import estimate, networks, settings
from compression.distillation import DISTILLATION
from compression.estimate import cores, predict_seconds, trainings
from compression.estimate_losses import comparison
from compression.execute import Workspace, execute
from compression.lab import Lab
from compression.measure.cost import cost
from compression.recipe import RECIPE
from compression.spec import parse

TINY = {"name": "mlp", "hidden": [8]}
DISTILL = {
    "kind": "distill",
    "teacher": TINY,
    "student": {"name": "cnn", "width": 1},
    "teacher_train": {"epochs": 1, "augment": "none"},
    "train": {"epochs": 2},
    "seeds": [0, 1],
    "tune": {"lr": [0.1, 0.2]},
}
COMPRESS = {"kind": "compress", "model": TINY, "train": {"epochs": 2}, "seeds": [0, 1, 2]}


@pytest.fixture
def workspace(tmp_path: Path) -> Workspace:
    return Workspace(tmp_path / "run", tmp_path / "models", tmp_path / "runs")


@pytest.mark.parametrize("raw", [DISTILL, {**DISTILL, "baseline": False, "tune": None}, COMPRESS])
def test_the_trainings_are_those_that_the_run_then_does(raw: dict, workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    spec, done = parse(raw), Counter()
    expected = Counter((training.role, training.recipe.epochs) for training in trainings(spec, workspace))
    train = Lab.train

    def counted(self: Lab, model: nn.Module, recipe: object, *, role: str, **more: object) -> object:
        done[role, recipe.epochs] += 1
        return train(self, model, recipe, role=role, **more)

    monkeypatch.setattr(Lab, "train", counted)
    result = list(execute(spec, workspace))[-1]["result"]
    assert done == expected
    assert {role for role, _epochs in expected} == set(result["timing"])
    assert all(timing["predicted_s"] > 0 and timing["seconds"] > 0 for timing in result["timing"].values())


def test_what_is_cached_or_done_counts_nothing(workspace: Workspace) -> None:
    spec = parse(COMPRESS)
    whole = predict_seconds(spec, workspace)
    list(execute(spec, workspace))
    assert list(trainings(spec, workspace)) == []
    shutil.rmtree(workspace.folder)
    assert {training.role for training in trainings(spec, workspace)} == {"compressed"}
    assert predict_seconds(spec, workspace) < whole


def test_a_network_of_an_earlier_run_is_not_trained(workspace: Workspace) -> None:
    first = Workspace(workspace.runs / "abcdef0123", workspace.models, workspace.runs)
    list(execute(parse({**COMPRESS, "seeds": [0]}), first))
    for role in ("original", "compressed"):
        spec = parse({**COMPRESS, "model": {"run": "abcdef0123", "role": role, "seed": 0}})
        assert {training.role for training in trainings(spec, workspace)} == {"compressed"}
        assert estimate.architecture_of(spec.model, workspace) == parse(COMPRESS).model
        assert predict_seconds(spec, workspace) > 0


def test_more_to_do_takes_longer(workspace: Workspace) -> None:
    base = predict_seconds(parse(DISTILL), workspace)
    for change in (
        {"seeds": [0, 1, 2]},
        {"train": {"epochs": 4}},
        {"transfer": {"images": 400}},
        {"student": {"name": "cnn", "width": 8}},
        {"train": {"epochs": 2, "augment": "shift"}},
        {"dataset": {"name": "mnist"}, "transfer": {"images": 200}},
    ):
        assert predict_seconds(parse({**DISTILL, **change}), workspace) > base, change


def test_calibration_takes_its_time(workspace: Workspace) -> None:
    def seconds(**knobs: int) -> float:
        steps = [{"name": "quantize"}, {"name": "quantize_activations", **knobs}]
        return predict_seconds(parse({"kind": "compress", "steps": steps}), workspace)

    assert seconds(calibration_images=32) < seconds(calibration_images=1024)


def test_a_teacher_answers_each_view_once(workspace: Workspace) -> None:
    def seconds_of_answers(epochs: int) -> float:
        def whole(augment: str) -> float:
            return predict_seconds(parse({**DISTILL, "train": {"epochs": epochs, "augment": augment}, "tune": None}), workspace)

        return whole("shift") - whole("none")

    views, seeds = 9, 2
    assert seconds_of_answers(2) == pytest.approx(seconds_of_answers(1) * 2)
    assert seconds_of_answers(100) == pytest.approx(seconds_of_answers(1) * views / seeds)


def test_the_pace_multiplies_the_trainings_alone(workspace: Workspace) -> None:
    spec = parse(DISTILL)
    once, none = (predict_seconds(spec, workspace, pace=lambda *_of, factor=factor: factor) for factor in (1.0, 0.0))
    assert predict_seconds(spec, workspace, pace=lambda *_of: 3.0) == pytest.approx(none + 3 * (once - none))


def test_cores_are_as_many_as_the_steps_are_worth(workspace: Workspace) -> None:
    assert cores(parse({"kind": "distill"}), workspace, 4) == 1
    assert cores(parse({"kind": "compress", "dataset": {"name": "mnist"}, "model": {"name": "resnet18"}}), workspace, 4) == 4


def test_a_cost_counted_by_hand() -> None:
    found = cost(nn.Sequential(nn.Linear(4, 3), nn.ReLU(), nn.Flatten()), (2, 4))
    assert (found.kernels, found.macs, found.outputs, found.parameters) == (2, 2 * 4 * 3, 2 * 2 * 3, 15)


def test_a_network_is_weighed_without_memory() -> None:
    with torch.device("meta"):
        model = networks.construct({"name": "resnet18"}, (1, 28, 28), 10)
    recipe = RECIPE.function(epochs=1)
    assert cost(model, (1, 28, 28)).training_seconds(recipe, images=1000, validation_images=100, device="cpu") > 1


def test_the_default_needs_no_training_of_a_teacher() -> None:
    folder = settings.home() / "nothing"
    roles = [training.role for training in trainings(parse({"kind": "distill"}), Workspace(folder, folder, folder))]
    assert Counter(roles) == {"baseline": 5, "student": 5}


HINT = {"name": "fitnets", "hint_weight": 1.0, "stage": 2}
WIDE, NARROW = {"name": "cnn", "width": 32}, {"name": "cnn", "width": 4}


def test_the_cost_of_a_hint_counted_by_hand() -> None:
    found = comparison(HINT, NARROW, WIDE, "digits")
    assert found.cost.macs == 8 * 64 * 8 * 8  # the convolution of 1x1 between 8 and 64 channels
    assert found.cost.parameters == 8 * 64 + 2 * 64  # and its norm
    assert found.numbers == (32 + 64 + 128) * 8 * 8
    assert comparison({"name": "kd", "temperature": 4.0, "alpha": 0.9}, NARROW, WIDE, "digits") is None


def test_a_loss_that_looks_inside_takes_its_own_steps(workspace: Workspace) -> None:
    def whole(loss: object) -> float:
        raw = {"kind": "distill", "teacher": WIDE, "student": NARROW, "seeds": [0], "train": {"epochs": 3, "batch_size": 32}}
        return predict_seconds(parse({**raw, "loss": loss}), workspace)

    steps = 3 * (200 // 32)
    each = comparison(HINT, NARROW, WIDE, "digits").cost.step_seconds(32, "cpu")
    assert whole(HINT) - whole({"name": "kd"}) == pytest.approx(steps * each)


def test_a_teacher_whose_maps_are_too_many_to_keep_answers_in_every_epoch(
    workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    spec = parse({"kind": "distill", "teacher": WIDE, "student": NARROW, "loss": HINT, "seeds": [0], "train": {"epochs": 3}})
    cached = predict_seconds(spec, workspace)
    monkeypatch.setattr(estimate, "CACHED_BYTES", 200 * (32 + 64 + 128) * 8 * 8 * 4 - 1)
    answers = cost(networks.construct(WIDE, (1, 8, 8), 10), (1, 8, 8)).answer_seconds(200, "cpu", 32)
    assert predict_seconds(spec, workspace) - cached == pytest.approx(3 * answers)


@pytest.mark.parametrize(("step", "times"), [({"name": "prune"}, 1), ({"name": "gradual", "updates": 7}, 7)])
def test_a_criterion_of_gradients_is_counted_as_often_as_masks_are_chosen(step: dict, times: int, workspace: Workspace) -> None:
    def whole(criterion: object) -> float:
        raw = {"kind": "compress", "model": NARROW, "seeds": [0, 1], "steps": [{**step, "criterion": criterion}]}
        return predict_seconds(parse(raw), workspace)

    each = cost(networks.construct(NARROW, (1, 8, 8), 10), (1, 8, 8)).step_seconds(64, "cpu")
    assert whole({"name": "taylor", "images": 64}) - whole("magnitude") == pytest.approx(2 * times * each)


@pytest.mark.parametrize("name", DISTILLATION)
def test_every_loss_has_a_cost_beside_one_that_looks_inside(name: str) -> None:
    network = {"name": "cnn", "width": 2}
    losses = [{**DISTILLATION.check({"name": other}, "loss"), "weight": 1.0} for other in (name, "similarity")]
    assert comparison(losses, network, network, "digits", ()) is not None
