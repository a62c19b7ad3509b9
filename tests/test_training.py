"""The hot loop against a plain loop written out here, and against itself after an interruption."""

import copy
import io
import math

import pytest
import torch
from torch import nn
from torch.nn import functional

from compression import networks
from compression.data.arrays import Dataset, Split
from compression.errors import TrainingError
from compression.evaluation import predict
from compression.objective import build_objective
from compression.recipe import Recipe
from compression.teacher import Teacher
from compression.training import Beat, Epoch, learning_rate, train

PLAIN = Recipe(3, 16, 0.1, "sgd", 0.9, "constant", 0.01, "none")


def toy(images: int = 70) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (images, 1, 8, 8), generator=generator, dtype=torch.uint8)
    labels = (inputs.float().mean((1, 2, 3)) > 127.5).long() + 2 * (inputs[:, 0, 0, 0] > 127).long()
    split = Split(inputs, labels)
    mean, std = inputs.float().mean((0, 2, 3), keepdim=True), inputs.float().std((0, 2, 3), keepdim=True)
    return Dataset("toy", "classification", 4, (1, 8, 8), split, Split(inputs[:20], labels[:20]), split, mean, std)


def network(dataset: Dataset, seed: int = 0, width: int = 2) -> nn.Module:
    return networks.build({"name": "cnn", "width": width}, dataset, seed=seed)


def run(model: nn.Module, dataset: Dataset, recipe: Recipe, **options: object) -> list[Epoch]:
    return [event for event in train(model, dataset, recipe, seed=3, **options) if isinstance(event, Epoch)]


@pytest.mark.parametrize("taught", [False, True])
def test_it_does_what_a_plain_loop_does(taught):
    dataset = toy()
    ours, theirs, teacher = network(dataset), network(dataset), network(dataset, 1, 4).eval()
    objective = build_objective({"name": "kd", "temperature": 3.0, "alpha": 0.5}) if taught else None
    epochs = run(ours, dataset, PLAIN, objective=objective, teacher=Teacher(teacher, dataset) if taught else None)

    decayed = [parameter for parameter in theirs.parameters() if parameter.ndim > 1]
    others = [parameter for parameter in theirs.parameters() if parameter.ndim <= 1]
    optimizer = torch.optim.SGD(
        [{"params": decayed, "weight_decay": 0.01}, {"params": others}], lr=0.1, momentum=0.9, nesterov=True
    )
    for epoch in (1, 2, 3):
        order = torch.randperm(70, generator=torch.Generator().manual_seed(3 * 1_000_003 + epoch))
        losses = []
        for start in range(0, 64, 16):
            chosen = order[start : start + 16]
            inputs = (dataset.train.inputs[chosen].float() - dataset.mean) / dataset.std
            logits, labels = theirs(inputs), dataset.train.labels[chosen]
            loss = functional.cross_entropy(logits, labels)
            if taught:
                with torch.no_grad():
                    soft = functional.softmax(teacher(inputs) / 3, 1)
                ours_soft = functional.log_softmax(logits / 3, 1)
                loss = 0.5 * loss + 0.5 * 9 * functional.kl_div(ours_soft, soft, reduction="batchmean")
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            losses.append(float(loss.detach()))
        assert epochs[epoch].values["train_loss"] == pytest.approx(sum(losses) / 4, rel=1e-3)
    for mine, plain in zip(ours.parameters(), theirs.parameters(), strict=True):
        assert torch.allclose(mine, plain, atol=1e-4)


def test_epoch_zero_is_the_network_before_training_and_agreement_is_measured():
    dataset = toy()
    model = network(dataset)
    before = predict(copy.deepcopy(model), dataset, dataset.validation.inputs)
    epochs = run(model, dataset, PLAIN, teacher=Teacher(network(dataset, 5, 4).eval(), dataset))
    assert [event.epoch for event in epochs] == [0, 1, 2, 3]
    assert epochs[0].values["val_accuracy"] == pytest.approx(
        float((before.argmax(1) == dataset.validation.labels).float().mean())
    )
    assert "train_loss" not in epochs[0].values
    assert all(0 <= event.values["agreement"] <= 1 for event in epochs)


@pytest.mark.parametrize("kind", ["none", "shift_flip"])
@pytest.mark.parametrize("optimizer", ["sgd", "adam", "adamw"])
def test_going_on_from_a_checkpoint_gives_the_same_weights(tmp_path, monkeypatch, kind, optimizer):
    monkeypatch.setattr("compression.training.CHECKPOINT_SECONDS", 0.0)
    dataset = toy()
    recipe = Recipe(4, 16, 0.01, optimizer, 0.9, "onecycle", 0.001, kind)
    whole = network(dataset)
    run(whole, dataset, recipe)
    interrupted = train(network(dataset), dataset, recipe, seed=3, checkpoint=tmp_path / "a.checkpoint")
    for event in interrupted:
        if isinstance(event, Epoch) and event.epoch == 3:
            break
    interrupted.close()
    assert (tmp_path / "a.checkpoint").exists()
    resumed = network(dataset, seed=99)
    epochs = run(resumed, dataset, recipe, checkpoint=tmp_path / "a.checkpoint")
    assert [event.epoch for event in epochs] == [3, 4]
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True))
    assert not (tmp_path / "a.checkpoint").exists()


def _empty(whole: bytes) -> bytes:
    return b""


def _cut(whole: bytes) -> bytes:
    return whole[: len(whole) // 2]


def _of_another_optimizer(whole: bytes) -> bytes:
    changed = torch.load(io.BytesIO(whole), weights_only=True)
    changed["optimizer"]["param_groups"].pop()
    buffer = io.BytesIO()
    torch.save(changed, buffer)
    return buffer.getvalue()


@pytest.mark.parametrize("damage", [_empty, _cut, _of_another_optimizer])
def test_a_damaged_checkpoint_is_put_aside_with_a_sentence_and_training_begins_anew(tmp_path, monkeypatch, caplog, damage):
    monkeypatch.setattr("compression.training.CHECKPOINT_SECONDS", 0.0)
    dataset, recipe = toy(), PLAIN
    whole = network(dataset)
    run(whole, dataset, recipe)
    checkpoint = tmp_path / "a.checkpoint"
    interrupted = train(network(dataset), dataset, recipe, seed=3, checkpoint=checkpoint)
    next(event for event in interrupted if isinstance(event, Epoch) and event.epoch == 2 and checkpoint.exists())
    interrupted.close()
    damaged = damage(checkpoint.read_bytes())
    checkpoint.write_bytes(damaged)
    resumed = network(dataset)
    assert [event.epoch for event in run(resumed, dataset, recipe, checkpoint=checkpoint)] == [0, 1, 2, 3]
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True))
    assert (tmp_path / "a.checkpoint.damaged").read_bytes() == damaged
    assert "a.checkpoint cannot be read" in caplog.text


def test_it_gives_signs_of_life_within_an_epoch(monkeypatch):
    monkeypatch.setattr("compression.training.BEAT_SECONDS", 0.0)
    dataset = toy()
    beats = [event.epoch for event in train(network(dataset), dataset, PLAIN, seed=0) if isinstance(event, Beat)]
    assert beats == sorted(beats)
    assert 0 < beats[0] < 1


def test_a_loss_that_is_no_number_is_a_sentence():
    dataset = toy()
    with pytest.raises(TrainingError, match="learning rate"):
        run(
            network(dataset),
            dataset,
            Recipe(30, 16, 2.0, "sgd", 0.99, "constant", 0.1, "none"),
            objective=build_objective([{"name": "logit_difference", "alpha": 1.0, "weight": 1000.0}]),
            teacher=Teacher(network(dataset, 1, 4).eval(), dataset),
        )


def test_schedules():
    recipe = Recipe(1, 1, 0.5, "sgd", 0.9, "onecycle", 0, "none")
    rates = [learning_rate(recipe, step, 100) for step in range(101)]
    assert max(rates) == pytest.approx(0.5)
    assert rates.index(max(rates)) == 30
    assert rates[0] == pytest.approx(0.02)
    assert rates[-1] == pytest.approx(0, abs=1e-9)
    assert rates[-2] > 1e-5
    assert learning_rate(recipe, 0, 1) > 0
    cosine = Recipe(1, 1, 0.5, "sgd", 0.9, "cosine", 0, "none")
    assert learning_rate(cosine, 25, 100) == pytest.approx(0.25 * (1 + math.cos(math.pi / 4)))
    assert learning_rate(Recipe(1, 1, 0.5, "sgd", 0.9, "constant", 0, "none"), 7, 101) == 0.5
