"""The gradients of labels and teacher over a training: against derivatives by hand, and without any effect on it."""

from pathlib import Path

import pytest
import torch
from torch import nn

from compression import networks
from compression.data.load import load_present
from compression.distillation import DISTILLATION
from compression.gradients import MOST_EPOCHS, epochs_measured, gradient_sizes
from compression.hooks import Hooks
from compression.objective import build_objective
from compression.recipe import RECIPE
from compression.spec import DEFAULTS
from compression.teacher import Teacher
from compression.training import Epoch, train


def test_sizes_are_the_lengths_of_the_derivatives() -> None:
    """Of w = (3, 4): d(2 w·w)/dw = 4 w has length 20; d(w0 + 2 w1 + w0)/dw = (2, 2) has length sqrt(8)."""
    weight = nn.Parameter(torch.tensor([3.0, 4.0]))
    terms = {
        "1_kd_hard": 2 * weight.square().sum(),
        "1_kd_soft": weight[0] + 2 * weight[1],
        "hint": weight[0],
        "penalty": 1000 * weight.sum(),
    }
    found = gradient_sizes(terms, [weight])
    assert float(found["gradient_labels"]) == pytest.approx(20)
    assert float(found["gradient_teacher"]) == pytest.approx(8**0.5)
    sum(terms.values()).backward()
    assert weight.grad is not None


def test_a_part_that_is_absent_or_constant_has_no_size() -> None:
    weight, other = nn.Parameter(torch.ones(2)), nn.Parameter(torch.ones(2))
    found = gradient_sizes({"hard": torch.zeros(()), "soft": weight.sum()}, [weight, other])
    assert float(found["gradient_labels"]) == 0
    assert float(found["gradient_teacher"]) == pytest.approx(2**0.5)


@pytest.mark.parametrize(("epochs", "count"), [(1, 1), (2, 2), (20, 20), (40, MOST_EPOCHS), (1000, MOST_EPOCHS)])
def test_a_training_is_measured_from_its_first_to_its_last_epoch(epochs: int, count: int) -> None:
    found = sorted(epochs_measured(epochs))
    assert (found[0], found[-1], len(found)) == (1, epochs, count)


def test_measuring_changes_nothing_of_a_training(tmp_path: Path) -> None:
    data = load_present({"name": "digits", "train_images": 100, "split_seed": 0}, tmp_path)
    teacher = Teacher(networks.build({"name": "cnn", "width": 4}, data, seed=1), data)
    recipe = RECIPE.bind({**DEFAULTS["distill"]["train"], "epochs": 3})()
    objective = build_objective(DISTILLATION.check({"name": "kd"}, "loss"))
    states, values = [], []
    for hooks in (None, Hooks(gradient_epochs=frozenset({1, 3}))):
        model = networks.build({"name": "cnn", "width": 2}, data, seed=0)
        training = train(model, data, recipe, seed=0, objective=objective, teacher=teacher, hooks=hooks)
        values.append([event.values for event in training if isinstance(event, Epoch)])
        states.append(model.state_dict())
    assert all(torch.equal(states[0][name], states[1][name]) for name in states[0])
    assert ["gradient_labels" in told for told in values[1]] == [False, True, False, True]
    assert [{**plain, **told} == told for plain, told in zip(*values, strict=True)] == [True] * 4
