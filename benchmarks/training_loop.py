"""Images per second of the training loop against a plain one: DataLoader, teacher forward and `.item()` every step."""

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.figures import Figure, alternate, ratios, spread
from compression import networks
from compression.augmentation import apply, draw
from compression.data.arrays import Dataset, Split
from compression.data.load import load_present
from compression.distillation import DISTILLATION
from compression.lab import Lab
from compression.networks import Workspace
from compression.objective import build_objective
from compression.precision import BFLOAT16, FLOAT32
from compression.recipe import RECIPE, Recipe
from compression.settings import data_root, threads
from compression.teacher import Teacher

ROUNDS = 3


def measure() -> Iterator[Figure]:
    """Yield images per second of both loops for the default distillation and for a residual network on 32x32 images."""
    torch.set_num_threads(threads())
    digits = load_present({"name": "digits", "train_images": None, "split_seed": 0}, data_root())
    student, teacher = {"name": "cnn", "width": 2}, {"name": "cnn", "width": 32}
    yield from compare("digits, CNN 2 taught by CNN 32", digits, student, teacher, RECIPE.function(epochs=5))
    student, teacher = {"name": "resnet", "depth": 8, "width": 16}, {"name": "resnet", "depth": 20, "width": 16}
    yield from compare("32x32x3, ResNet-8 taught by ResNet-20", photographs(256), student, teacher, RECIPE.function(epochs=4))
    augmented = RECIPE.function(epochs=20, augment="shift")
    few = digits.first(200, None)
    student, teacher = {"name": "cnn", "width": 4}, {"name": "cnn", "width": 32}
    yield from compare("200 digits in moved views, CNN 4 taught by CNN 32", few, student, teacher, augmented)


def photographs(count: int) -> Dataset:
    """Return a dataset of random 32x32 images in colour, for speed alone."""
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
    part = Split(inputs, torch.randint(0, 10, (count,), generator=generator))
    level = torch.full((1, 3, 1, 1), 128.0)
    few = Split(inputs[:8], part.labels[:8])
    return Dataset("random", "classification", 10, (3, 32, 32), part, few, few, level, level / 2)


def compare(name: str, dataset: Dataset, student: dict[str, Any], teacher: dict[str, Any], recipe: Recipe) -> Iterator[Figure]:
    """Yield images per second of our loop and of the plain one, on the dataset's device."""
    taught_by = networks.build(teacher, dataset, seed=1).eval().to(dataset.train.labels.device)
    ours = _ours(dataset, recipe, student, taught_by)
    ours()
    plain, quick = alternate(lambda: _plain(dataset, recipe, student, taught_by), ours, rounds=ROUNDS)
    images = recipe.epochs * len(dataset.train)
    yield Figure(
        f"Training loop ({name})",
        f"{spread(ratios(plain, quick), 'x', 2)}; {spread([images / seconds for seconds in quick], 'images/s')}, "
        f"plain loop {spread([images / seconds for seconds in plain])}",
        "above 1x",
        f"medians of {ROUNDS} rounds in turn, {recipe.epochs} epochs, augment {recipe.augment} in both, the teacher's table and "
        f"evaluation included in ours, {threads()} thread(s) for both",
    )


def compare_precisions(
    name: str, dataset: Dataset, student: dict[str, Any], teacher: dict[str, Any], recipe: Recipe
) -> Iterator[Figure]:
    """Yield how many times as fast our loop trains in bfloat16 as in float32, on the dataset's device."""
    taught_by = networks.build(teacher, dataset, seed=1).eval().to(dataset.train.labels.device)
    loops = [_ours(dataset, replace(recipe, precision=precision), student, taught_by) for precision in (FLOAT32, BFLOAT16)]
    loops[1]()
    exact, reduced = alternate(*loops, rounds=ROUNDS)
    images = recipe.epochs * len(dataset.train)
    yield Figure(
        f"bfloat16 against float32 ({name})",
        f"{spread(ratios(exact, reduced), 'x', 2)}; {spread([images / seconds for seconds in reduced], 'images/s')}, "
        f"float32 {spread([images / seconds for seconds in exact])}",
        "above 1x",
        f"medians of {ROUNDS} rounds in turn, {recipe.epochs} epochs, augment {recipe.augment}; evaluation, in float32, included",
    )


def _ours(dataset: Dataset, recipe: Recipe, student: dict[str, Any], teacher: nn.Module) -> Callable[[], None]:
    return lambda: train_in_lab(networks.build(student, dataset, seed=0), dataset, recipe, teacher)


def train_in_lab(model: nn.Module, dataset: Dataset, recipe: Recipe, teacher: nn.Module) -> None:
    """Train a student in place as the lab's runs do, taught by softened answers: Hinton's loss with its defaults."""
    model.to(dataset.train.labels.device)
    lab = Lab(Workspace(Path(), Path(), Path()), {}, dataset)
    taught_by, objective = (
        Teacher(teacher, dataset, looks=recipe.epochs),
        build_objective(DISTILLATION.check({"name": "kd"}, "loss")),
    )
    for _event in lab.train(model, recipe, role="student", seed=0, key="one", objective=objective, teacher=taught_by):
        pass


def _plain(dataset: Dataset, recipe: Recipe, student: dict[str, Any], teacher: nn.Module) -> None:
    device, size = dataset.train.labels.device, dataset.shape[1]
    pixels, labels = dataset.train.inputs.cpu(), dataset.train.labels.cpu()
    loader = DataLoader(TensorDataset(pixels, labels), batch_size=recipe.batch_size, shuffle=True)
    generator = torch.Generator().manual_seed(0)

    def batches() -> Iterator[tuple[Tensor, Tensor]]:
        for images, truth in loader:
            seen = apply(images, recipe.augment, draw(len(images), recipe.augment, size, generator)).to(device)
            yield dataset.normalize(seen), truth.to(device)

    train_plainly(networks.build(student, dataset, seed=0).to(device), batches, recipe, teacher)


def train_plainly(
    model: nn.Module,
    batches: Callable[[], Iterable[tuple[Tensor, Tensor]]],
    recipe: Recipe,
    teacher: nn.Module,
    after_epoch: Callable[[], object] = lambda: None,
) -> None:
    """Train a student in place as tutorials do: the teacher's forward pass and `.item()` at every step.

    Args:
        batches: yields an epoch's normalized images (B, C, H, W), float32, and labels (B,), on the device of the networks.
    """
    optimizer = torch.optim.SGD(
        model.parameters(), lr=recipe.lr, momentum=recipe.momentum, nesterov=True, weight_decay=recipe.weight_decay
    )
    for _epoch in range(recipe.epochs):
        running = 0.0
        model.train()
        for batch, truth in batches():
            optimizer.zero_grad()
            with torch.no_grad():
                teacher_logits = teacher(batch)
            logits = model(batch)
            soft = nn.KLDivLoss(reduction="batchmean")(
                functional.log_softmax(logits / 4, dim=1), functional.softmax(teacher_logits / 4, dim=1)
            )
            loss = 0.9 * 16 * soft + 0.1 * functional.cross_entropy(logits, truth)
            loss.backward()
            optimizer.step()
            running += loss.item()
        after_epoch()
