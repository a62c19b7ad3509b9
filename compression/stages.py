"""The parts that every kind of run is told in: events, progress, data, networks trained or fetched, and their measurement."""

import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from compression import networks, settings
from compression.data import DATASETS
from compression.data.arrays import Dataset
from compression.data.load import load
from compression.export import weights
from compression.measure.accuracy import bootstrap
from compression.measure.latency import latency
from compression.measure.layers import nonzero, parameters
from compression.measure.macs import macs
from compression.networks import Workspace
from compression.recipe import RECIPE, Recipe, default_recipe
from compression.tasks import task
from compression.texts import gettext as _
from compression.training import Epoch, Objective, Teacher, predict, train

Event = dict[str, Any]

STEP_SECONDS = 1e-3
OPERATIONS_PER_SECOND = 2e10
BACKWARD_FACTOR = 3
MACS_WORTH_THREADS = 1e9
MACS_WORTH_CHANNELS_LAST = 2e6


def stage(name: str, text: str, *, role: str | None = None, seed: int | None = None, index: int = 1, of: int = 1) -> Event:
    """Return the event that says what happens now; `text` is for people, `index` of `of` counts seeds from 1."""
    return {"type": "stage", "stage": name, "role": role, "seed": seed, "index": index, "of": of, "text": text}


def metric(role: str, seed: int, epoch: float | None, values: dict[str, float]) -> Event:
    """Return the event of one point of the curves; no epoch means a level that holds for the whole chart."""
    return {"type": "metric", "role": role, "seed": seed, "epoch": epoch, "values": values}


@dataclass
class Progress:
    """How much of a run is done, by the work of its trainings as estimated beforehand and the time it has taken."""

    work: dict[Any, float] = field(default_factory=dict)
    done: float = 0.0
    skipped: float = 0.0
    started: float = field(default_factory=time.monotonic)

    def plan(self, key: Any, model: nn.Module, dataset: Dataset, recipe: Recipe) -> None:
        """Count a training: the operations of its forward and backward passes, and a fixed cost per step."""
        images = recipe.epochs * len(dataset.train)
        operations = BACKWARD_FACTOR * 2 * macs(model, dataset.shape) * images
        self.work[key] = operations / OPERATIONS_PER_SECOND + STEP_SECONDS * images / recipe.batch_size

    def skip(self, key: Any) -> None:
        """Count a training as done that took no time, since it was done before."""
        self.skipped += self.work.get(key, 0.0)
        self.finish(key)

    def finish(self, key: Any) -> None:
        """Count a training as done."""
        self.done += self.work.pop(key, 0.0)

    def event(self, key: Any, *, role: str, seed: int, epoch: float, epochs: int) -> Event:
        """Return the event of a training's progress."""
        total = self.done + sum(self.work.values())
        reached = self.done + self.work.get(key, 0.0) * epoch / epochs
        worked, elapsed = reached - self.skipped, time.monotonic() - self.started
        left = elapsed / worked * (total - reached) if worked > 0 and elapsed > 1 else None
        fraction = min(1.0, reached / total) if total else 1.0
        return {
            "type": "progress",
            "fraction": fraction,
            "seconds_left": left,
            "role": role,
            "seed": seed,
            "epoch": epoch,
            "epochs": epochs,
        }


def fetch_data(choice: dict[str, Any], device: str) -> Iterator[Event]:
    """Yield stages while data is found or downloaded; return the `Dataset` on the device."""
    title = _(DATASETS[choice["name"]].title)
    yield stage("data", _("Reading {title}").format(title=title))
    loading = load(choice, settings.data_root())
    while True:
        try:
            yield stage("data", next(loading))
        except StopIteration as end:
            return end.value.to(device)


def run_training(
    model: nn.Module,
    dataset: Dataset,
    recipe: Recipe,
    *,
    role: str,
    seed: int,
    progress: Progress,
    key: Any,
    objective: Objective | None = None,
    teacher: Teacher | None = None,
    checkpoint: Path | None = None,
    first_epoch: int = 0,
) -> Iterator[Event]:
    """Yield the metrics and the progress of one training; `first_epoch` is added where training goes on from another."""
    operations = macs(model, dataset.shape)
    # The layout that convolutions like makes large networks up to twice as fast, and tiny ones a little slower.
    model.to(memory_format=torch.channels_last if operations > MACS_WORTH_CHANNELS_LAST else torch.preserve_format)
    with _fitting_threads(operations * recipe.batch_size):
        for event in train(model, dataset, recipe, seed=seed, objective=objective, teacher=teacher, checkpoint=checkpoint):
            if isinstance(event, Epoch):
                yield metric(role, seed, event.epoch + first_epoch, event.values)
            yield progress.event(key, role=role, seed=seed, epoch=event.epoch, epochs=recipe.epochs)
    progress.finish(key)
    model.eval()


@contextmanager
def _fitting_threads(macs_per_step: float) -> Iterator[None]:
    """Compute small steps on one thread: handing them out costs more than they do, and far more on a busy machine."""
    before = torch.get_num_threads()
    if macs_per_step < MACS_WORTH_THREADS:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def recipe_of(settings_given: dict[str, Any]) -> Recipe:
    """Return the recipe of checked settings."""
    return RECIPE.function(**settings_given)


def teacher_recipe(dataset_choice: dict[str, Any], given: dict[str, Any] | None) -> dict[str, Any]:
    """Return the complete recipe of a teacher: the one given, else the dataset's own."""
    return given if given is not None else default_recipe(DATASETS[dataset_choice["name"]])


def obtain(
    choice: dict[str, Any],
    dataset: Dataset,
    dataset_choice: dict[str, Any],
    recipe: dict[str, Any],
    workspace: Workspace,
    *,
    role: str,
    seed: int,
    progress: Progress,
    index: int = 1,
    of: int = 1,
) -> Iterator[Event]:
    """Yield events until there is a trained network: from an earlier run, from those kept, or trained now and kept.

    Returns:
        The network on the device and its architecture; its file lies in the run's folder under the role's name.
    """
    target = workspace.folder / networks.artifact_name(role, seed)
    key = networks.cache_key(dataset_choice, choice, recipe, seed)
    kept = networks.find_artifact(choice, workspace) if "run" in choice else networks.find_kept(key, workspace)
    if kept is None:
        yield stage(role, _("Training the {role}").format(role=_(role)), role=role, seed=seed, index=index, of=of)
        model = networks.build(choice, dataset, seed=seed).to(workspace.device)
        progress.plan(key, model, dataset, recipe_of(recipe))
        checkpoint = workspace.folder / f"{role}-seed{seed}.checkpoint"
        yield from run_training(
            model, dataset, recipe_of(recipe), role=role, seed=seed, progress=progress, key=key, checkpoint=checkpoint
        )
        kept = _keep(model, key, networks.facts_of(choice, dataset), workspace)
    model, facts = networks.read(kept, dataset)
    model.to(workspace.device)
    if kept.suffix == target.suffix:
        networks.place(kept, target)
    else:
        weights.save(target, model, networks.facts_of(facts["architecture"], dataset))
    yield metric(role, seed, None, evaluate(model, dataset))
    yield artifact(target, role, seed)
    return model, facts["architecture"]


def _keep(model: nn.Module, key: str, facts: dict[str, Any], workspace: Workspace) -> Path:
    workspace.models.mkdir(parents=True, exist_ok=True)
    path = workspace.models / f"{key}.safetensors"
    weights.save(path, model, facts)
    return path


def artifact(path: Path, role: str, seed: int) -> Event:
    """Return the event that announces a file of the run."""
    return {"type": "artifact", "role": role, "seed": seed, "name": path.name, "size_bytes": path.stat().st_size}


def evaluate(model: nn.Module, dataset: Dataset) -> dict[str, float]:
    """Return a network's loss and accuracy on the validation split."""
    logits = predict(model, dataset, dataset.validation.inputs)
    rules = task(dataset.task)
    labels = dataset.validation.labels
    return {
        "val_loss": float(rules.loss(logits, labels)),
        "val_accuracy": float(rules.correct(logits, labels).float().mean()),
    }


def describe(
    models: dict[int, nn.Module],
    correct: Tensor,
    dataset: Dataset,
    workspace: Workspace,
    *,
    role: str,
    architecture: dict[str, Any],
    evidence: str = "measured",
) -> dict[str, Any]:
    """Return what a result says of a role, but for its latency.

    Args:
        models: by seed; numbers that all seeds share are those of the first.
        correct: whether each test image is right, bool (seeds, images).
        evidence: where the accuracy comes from: "measured", "simulated" or "file".
    """
    spread = bootstrap(correct)
    first = next(iter(models))
    files = {seed: workspace.folder / networks.artifact_name(role, seed) for seed in models}
    return {
        "accuracy": spread.mean,
        "accuracy_interval": [spread.low, spread.high],
        "per_seed": [
            {"seed": seed, "accuracy": float(row.float().mean()), "artifact": files[seed].name}
            for seed, row in zip(models, correct, strict=True)
        ],
        "parameters": parameters(models[first]),
        "nonzero": nonzero(models[first]),
        "macs": macs(models[first], dataset.shape),
        "size_bytes": files[first].stat().st_size,
        "artifact": files[first].name,
        "architecture": architecture,
        "evidence": {"accuracy": evidence, "size_bytes": "file", "latency_ms": "measured", "macs": "counted"},
    }


def add_latency(result: dict[str, Any], models: dict[str, nn.Module], dataset: Dataset, workspace: Workspace) -> None:
    """Measure the roles' networks in turn on the run's device and write the latencies into the result."""
    for role, figures in latency(models, dataset.shape, device=workspace.device).items():
        result[role]["latency_ms"] = figures


def score(model: nn.Module, dataset: Dataset) -> tuple[Tensor, Tensor]:
    """Return whether each test image is right, bool (N,), and the class chosen, int64 (N,)."""
    logits = predict(model, dataset, dataset.test.inputs)
    return task(dataset.task).correct(logits, dataset.test.labels).cpu(), torch.argmax(logits, 1).cpu()
