"""Views of images, and a teacher's table of answers to them."""

from collections.abc import Generator
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional

from compression import augmentation
from compression.augmentation import apply, draw, views
from compression.data.arrays import Dataset
from compression.evaluation import predict
from compression.features import Layout, Stage, View
from compression.objective import build_objective
from compression.recipe import Recipe
from compression.teacher import PART, Table, Teacher
from compression.training import Beat, Epoch, train
from tests.test_training import network, toy

KINDS = {"none": 1, "flip": 2, "shift": 9, "shift_flip": 18}


def all_views(image: Tensor, kind: str) -> list[Tensor]:
    """Return all views of an image (1, C, H, W) written out, in the order of their numbers."""
    size = image.shape[2]
    sides = [image, image.flip(3)] if "flip" in kind else [image]
    if "shift" not in kind:
        return sides
    padded = [functional.pad(side, (1, 1, 1, 1)) for side in sides]
    return [side[:, :, y : y + size, x : x + size] for side in padded for y in range(3) for x in range(3)]


@pytest.mark.parametrize("kind", KINDS)
def test_a_number_names_one_view(kind: str) -> None:
    image = torch.arange(1, 65, dtype=torch.uint8).reshape(1, 1, 8, 8)
    assert views(kind, 8) == KINDS[kind]
    seen = apply(image.repeat(KINDS[kind], 1, 1, 1), kind, torch.arange(KINDS[kind]))
    assert torch.equal(seen, torch.cat(all_views(image, kind)))


def test_a_view_moves_each_channel_alike() -> None:
    images = torch.randint(0, 256, (4, 3, 8, 8), dtype=torch.uint8)
    together = apply(images, "shift_flip", torch.tensor([0, 5, 9, 17]))
    alone = [apply(images[:, [channel]], "shift_flip", torch.tensor([0, 5, 9, 17])) for channel in range(3)]
    assert torch.equal(together, torch.cat(alone, 1))


@pytest.mark.parametrize("kind", KINDS)
def test_each_view_is_drawn_as_often_as_any_other(kind: str) -> None:
    drawn = draw(9000, kind, 8, torch.Generator().manual_seed(0)).bincount(minlength=KINDS[kind])
    assert len(drawn) == KINDS[kind]
    assert (drawn - 9000 / KINDS[kind]).abs().max() < 5 * (9000 / KINDS[kind]) ** 0.5


def test_an_image_moves_by_at_most_an_eighth() -> None:
    assert [augmentation.reach(size) for size in (4, 8, 28, 32)] == [1, 1, 3, 4]
    assert [views("shift", 28), views("shift_flip", 32)] == [49, 162]


def teacher_of(dataset: Dataset, looks: int) -> Teacher:
    return Teacher(network(dataset, 1, 4).eval(), dataset, looks=looks)


def test_a_table_holds_what_the_teacher_answers_to_each_view() -> None:
    dataset = toy(70)
    teacher = teacher_of(dataset, looks=100)
    table = teacher.table(View(teacher.model), "shift_flip")
    generator = torch.Generator().manual_seed(0)
    for _batch in range(4):
        index, numbers = torch.randint(0, 70, (16,), generator=generator), draw(16, "shift_flip", 8, generator)
        seen = apply(dataset.train.inputs[index], "shift_flip", numbers)
        torch.testing.assert_close(table.logits(index, numbers), predict(teacher.model, dataset, seen))


def test_what_a_table_answers_does_not_depend_on_what_it_was_asked_before(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset, asked = toy(70), []
    model = network(dataset, 1, 4).eval()
    monkeypatch.setattr("compression.teacher.predict", lambda *given: asked.append(len(given[2])) or predict(*given))
    index, numbers = torch.arange(70).repeat(9), torch.arange(9).repeat_interleave(70)
    at_once, by_turns = Table(model, dataset, "shift"), Table(model, dataset, "shift")
    expected = at_once.logits(index, numbers)
    order = torch.randperm(len(index), generator=torch.Generator().manual_seed(0))
    for chosen in order.split(7):
        assert torch.equal(by_turns.logits(index[chosen], numbers[chosen]), expected[chosen])
    assert sorted(asked) == sorted([PART, 70 - PART] * 9 * 2)


def test_a_table_is_made_where_it_pays() -> None:
    dataset = toy(70)
    view = View(teacher_of(dataset, 0).model)
    assert teacher_of(dataset, looks=9).table(view, "shift") is None
    assert teacher_of(dataset, looks=10).table(view, "shift") is not None
    inside = View(view.model, Layout((Stage("0", 4, 8, 8),)))
    assert teacher_of(dataset, looks=10).table(inside, "shift") is None


def test_a_table_too_large_is_not_made(monkeypatch: pytest.MonkeyPatch) -> None:
    dataset = toy(70)
    monkeypatch.setattr("compression.teacher.CACHED_BYTES", 4 * 4 * 9 * 70 - 1)
    teacher = teacher_of(dataset, looks=10)
    assert teacher.table(View(teacher.model), "shift") is None


SHIFTED = Recipe(3, 16, 0.1, "sgd", 0.9, "constant", 0.01, "shift")


def training(dataset: Dataset, teacher: Teacher, **options: object) -> tuple[nn.Module, Generator[Beat | Epoch, None, object]]:
    student, loss = network(dataset), build_objective({"name": "kd", "temperature": 4.0, "alpha": 0.9})
    return student, train(student, dataset, SHIFTED, seed=3, objective=loss, teacher=teacher, **options)


def test_a_student_learns_the_same_with_the_table_and_without() -> None:
    dataset, weights = toy(70), []
    for looks in (10, 0):
        teacher = teacher_of(dataset, looks)
        student, events = training(dataset, teacher)
        assert len([event for event in events if isinstance(event, Epoch)]) == 4
        assert (teacher.table(View(teacher.model), "shift") is not None) == (looks == 10)
        weights.append(torch.cat([weight.flatten() for weight in student.parameters()]))
    torch.testing.assert_close(*weights, rtol=1e-4, atol=1e-5)


def test_a_training_that_goes_on_with_an_empty_table_ends_with_the_same_weights(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("compression.training.CHECKPOINT_SECONDS", 0)
    dataset, checkpoint = toy(70), tmp_path / "a.checkpoint"
    whole, events = training(dataset, teacher_of(dataset, 10))
    list(events)
    _student, events = training(dataset, teacher_of(dataset, 10), checkpoint=checkpoint)
    next(event for event in events if isinstance(event, Epoch) and event.epoch == 2 and checkpoint.exists())
    events.close()
    resumed, events = training(dataset, teacher_of(dataset, 10), checkpoint=checkpoint)
    assert next(event.epoch for event in events if isinstance(event, Epoch)) > 1
    list(events)
    assert all(torch.equal(a, b) for a, b in zip(whole.state_dict().values(), resumed.state_dict().values(), strict=True))
