"""Images per second of the training loop against a plain one: DataLoader, teacher forward and `.item()` every step."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import torch
from torch import nn
from torch.nn import functional
from torch.utils.data import DataLoader, TensorDataset

from benchmarks.figures import Figure, alternate, ratios, spread
from compression import networks
from compression.data.arrays import Dataset, Split
from compression.data.load import load_present
from compression.distillation import DISTILLATION
from compression.lab import Lab
from compression.networks import Workspace
from compression.objective import build_objective
from compression.recipe import RECIPE, Recipe
from compression.settings import data_root, threads
from compression.teacher import Teacher

ROUNDS = 3


def measure() -> Iterator[Figure]:
    """Yield images per second of both loops for the default distillation and for a residual network on 32x32 images."""
    torch.set_num_threads(threads())
    digits = load_present({"name": "digits", "train_images": None, "split_seed": 0}, data_root())
    yield from _compare("digits, CNN 2 taught by CNN 32", digits, {"name": "cnn", "width": 2}, {"name": "cnn", "width": 32}, 5)
    images = _photographs()
    student, teacher = {"name": "resnet", "depth": 8, "width": 16}, {"name": "resnet", "depth": 20, "width": 16}
    yield from _compare("32x32x3, ResNet-8 taught by ResNet-20", images, student, teacher, 4)


def _photographs(count: int = 256) -> Dataset:
    generator = torch.Generator().manual_seed(0)
    inputs = torch.randint(0, 256, (count, 3, 32, 32), dtype=torch.uint8, generator=generator)
    part = Split(inputs, torch.randint(0, 10, (count,), generator=generator))
    level = torch.full((1, 3, 1, 1), 128.0)
    few = Split(inputs[:8], part.labels[:8])
    return Dataset("random", "classification", 10, (3, 32, 32), part, few, few, level, level / 2)


def _compare(name: str, dataset: Dataset, student: dict[str, Any], teacher: dict[str, Any], epochs: int) -> Iterator[Figure]:
    recipe = RECIPE.function(epochs=epochs)
    taught_by = networks.build(teacher, dataset, seed=1).eval()
    ours = _ours(dataset, recipe, student, taught_by)
    ours()
    plain, quick = alternate(lambda: _plain(dataset, recipe, student, taught_by), ours, rounds=ROUNDS)
    images = epochs * len(dataset.train)
    yield Figure(
        f"Training loop ({name})",
        f"{spread(ratios(plain, quick), 'x', 2)}; {spread([images / seconds for seconds in quick], 'images/s')}, "
        f"plain loop {spread([images / seconds for seconds in plain])}",
        "above 1x",
        f"medians of {ROUNDS} rounds in turn, {epochs} epochs, evaluation included in ours, {threads()} thread(s) for both",
    )


def _ours(dataset: Dataset, recipe: Recipe, student: dict[str, Any], teacher: nn.Module) -> Callable[[], None]:
    def run() -> None:
        model = networks.build(student, dataset, seed=0)
        lab = Lab(Workspace(Path(), Path(), Path()), {}, dataset)
        taught_by, objective = Teacher(teacher, dataset), build_objective(DISTILLATION.check({"name": "kd"}, "loss"))
        for _event in lab.train(model, recipe, role="student", seed=0, key="one", objective=objective, teacher=taught_by):
            pass

    return run


def _plain(dataset: Dataset, recipe: Recipe, student: dict[str, Any], teacher: nn.Module) -> None:
    inputs = (dataset.train.inputs.float() - dataset.mean) / dataset.std
    loader = DataLoader(TensorDataset(inputs, dataset.train.labels), batch_size=recipe.batch_size, shuffle=True)
    model = networks.build(student, dataset, seed=0)
    optimizer = torch.optim.SGD(model.parameters(), lr=recipe.lr, momentum=0.9, weight_decay=recipe.weight_decay)
    for _epoch in range(recipe.epochs):
        running = 0.0
        for batch, labels in loader:
            optimizer.zero_grad()
            with torch.no_grad():
                teacher_logits = teacher(batch)
            logits = model(batch)
            soft = nn.KLDivLoss(reduction="batchmean")(
                functional.log_softmax(logits / 4, dim=1), functional.softmax(teacher_logits / 4, dim=1)
            )
            loss = 0.9 * 16 * soft + 0.1 * functional.cross_entropy(logits, labels)
            loss.backward()
            optimizer.step()
            running += loss.item()
