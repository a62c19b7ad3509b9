"""Hooks of the training loop: when they are called, what they change, and what an interruption leaves of it."""

import pytest
import torch

from compression import training
from compression.hooks import Hooks
from compression.recipe import Recipe
from compression.training import Epoch, train
from tests.test_training import network, run, toy

RECIPE = Recipe(4, 16, 0.1, "sgd", 0.9, "onecycle", 0.01, "none")
STEPS = 4 * (70 // 16)


def assert_equal(one, other):
    theirs = other.state_dict()
    assert all(torch.equal(tensor, theirs[name]) for name, tensor in one.state_dict().items())


def test_after_step_is_called_once_a_step_with_its_number_and_the_weights_that_it_left():
    dataset, seen = toy(), []
    model = network(dataset)
    run(model, dataset, RECIPE, hooks=Hooks(after_step=lambda step, of: seen.append((step, of, model[0].weight.sum().item()))))
    assert [(step, of) for step, of, _sum in seen] == [(step, STEPS) for step in range(1, STEPS + 1)]
    assert seen[-1][2] == model[0].weight.sum().item()


def test_a_penalty_is_the_gradient_step_of_the_sum():
    """With one step, SGD without momentum moves the weights by -lr times the penalty's gradient beyond the plain step."""
    plain_recipe = Recipe(1, 70, 0.1, "sgd", 0.0, "constant", 0.0, "none")
    dataset = toy()
    start, plain, pulled = (network(dataset) for _copy in range(3))
    run(plain, dataset, plain_recipe)
    hooks = Hooks(penalty=lambda model: 0.3 * sum(one.square().sum() for one in model.parameters()))
    (_before, after) = run(pulled, dataset, plain_recipe, hooks=hooks)
    for first, one, other in zip(start.parameters(), plain.parameters(), pulled.parameters(), strict=True):
        torch.testing.assert_close(other, one - 0.1 * 0.6 * first, atol=1e-6, rtol=1e-5)
    expected = 0.3 * sum(float(one.detach().square().sum()) for one in start.parameters())
    assert after.values["term_penalty"] == pytest.approx(expected, rel=1e-5)


@pytest.mark.parametrize(("stop", "left"), [("here", 3), ("before", 2), (None, 4)])
def test_stopping_leaves_the_network_of_that_epoch_or_of_the_one_before(stop, left):
    dataset = toy()
    stopped, shorter = network(dataset), network(dataset)
    asked = []

    def stop_when(epoch, values):
        asked.append(values["val_loss"])
        assert epoch == len(asked)
        return stop if len(asked) == 3 else None

    told = run(stopped, dataset, RECIPE, hooks=Hooks(stop_when=stop_when))
    assert [event.values["val_loss"] for event in told[1:]] == asked
    assert len(asked) == (3 if stop else 4)
    events = train(shorter, dataset, RECIPE, seed=3)
    for event in events:
        if isinstance(event, Epoch) and event.epoch == left:
            break
    assert_equal(stopped, shorter)


@pytest.mark.parametrize("stop", ["here", "before"])
def test_a_stop_after_an_interruption_leaves_the_same_network(tmp_path, monkeypatch, stop):
    """The epoch before may be the one that the checkpoint holds, which this process has never seen."""
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
    dataset, threshold = toy(), []

    def stop_when(_epoch, values):
        return stop if values["val_loss"] == threshold[0] else None

    whole, part = network(dataset), network(dataset)
    threshold.append(run(network(dataset), dataset, RECIPE)[3].values["val_loss"])
    run(whole, dataset, RECIPE, hooks=Hooks(stop_when=stop_when))
    checkpoint = tmp_path / "c"
    events = train(part, dataset, RECIPE, seed=3, checkpoint=checkpoint, hooks=Hooks(stop_when=stop_when))
    for event in events:
        if isinstance(event, Epoch) and event.epoch == 2:
            next(events)
            break
    events.close()
    again = network(dataset, 9)
    told = run(again, dataset, RECIPE, checkpoint=checkpoint, hooks=Hooks(stop_when=stop_when))
    assert [event.epoch for event in told] == [3]
    assert_equal(whole, again)
    assert not checkpoint.exists()
