"""What a run works with: its data, its networks, its progress and its trainings; every kind of run is given one `Lab`."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import torch
from torch import nn

from compression import events, networks, settings
from compression.data import DATASETS
from compression.data.arrays import Dataset
from compression.data.load import load
from compression.evaluation import evaluate
from compression.events import Event
from compression.export import weights
from compression.measure.macs import macs
from compression.networks import Workspace
from compression.progress import Progress
from compression.recipe import RECIPE, Recipe
from compression.texts import gettext as _
from compression.training import Epoch, Objective, Teacher, train

MACS_WORTH_THREADS = 1e9
MACS_WORTH_CHANNELS_LAST = 2e6


@dataclass
class Lab:
    """One run's data and folders, and how far its trainings are.

    Attributes:
        choice: the dataset as the spec has it, which is part of the key of every cached network.
        data: the dataset on the device.
    """

    workspace: Workspace
    choice: dict[str, Any]
    data: Dataset
    progress: Progress = field(default_factory=Progress)

    def path(self, role: str, seed: int) -> Path:
        """Return the file of a role's network."""
        return self.workspace.folder / networks.artifact_name(role, seed)

    def checkpoint(self, name: str) -> Path:
        """Return the file from which an interrupted training goes on."""
        return self.workspace.folder / f"{name}.checkpoint"

    def train(
        self,
        model: nn.Module,
        recipe: Recipe,
        *,
        role: str,
        seed: int,
        key: Any,
        objective: Objective | None = None,
        teacher: Teacher | None = None,
        checkpoint: Path | None = None,
        first_epoch: int = 0,
    ) -> Iterator[Event]:
        """Yield the metrics and the progress of one training.

        Args:
            key: of this training in the progress.
            first_epoch: added to the epochs of the metrics, where this training goes on from another.
        """
        operations = macs(model, self.data.shape)
        # The layout that convolutions like makes large networks up to twice as fast, and tiny ones a little slower.
        model.to(memory_format=torch.channels_last if operations > MACS_WORTH_CHANNELS_LAST else torch.preserve_format)
        with _fitting_threads(operations * recipe.batch_size):
            for event in train(model, self.data, recipe, seed=seed, objective=objective, teacher=teacher, checkpoint=checkpoint):
                if isinstance(event, Epoch):
                    yield events.metric(role, seed, event.epoch + first_epoch, event.values)
                yield self.progress.event(key, role=role, seed=seed, epoch=event.epoch, epochs=recipe.epochs)
        self.progress.finish(key)
        model.eval()

    def obtain(
        self, choice: dict[str, Any], recipe: dict[str, Any], *, role: str, seed: int, index: int = 1, of: int = 1
    ) -> Generator[Event, None, tuple[nn.Module, dict[str, Any]]]:
        """Yield events until there is a trained network: from an earlier run, from the cache, or trained now and cached.

        Returns:
            The network on the device and its architecture; its file lies in the run's folder under the role's name.
        """
        key = networks.cache_key(self.choice, choice, recipe, seed)
        source = self._find(choice, key)
        if source is None:
            text = _("Training the {role}").format(role=_(role))
            yield events.stage(role, text, role=role, seed=seed, index=index, of=of)
            source = yield from self._train_and_cache(choice, RECIPE.bind(recipe)(), key, role=role, seed=seed)
        target = self.path(role, seed)
        model, facts = networks.read(source, self.data)
        model.to(self.workspace.device)
        if source.suffix == target.suffix:
            networks.place(source, target)
        else:
            weights.save(target, model, networks.facts_of(facts["architecture"], self.data))
        yield events.metric(role, seed, None, evaluate(model, self.data))
        yield events.artifact(target, role, seed)
        return model, facts["architecture"]

    def _find(self, choice: dict[str, Any], key: str) -> Path | None:
        if "run" in choice:
            return networks.find_artifact(choice, self.workspace)
        return networks.find_cached(key, self.workspace)

    def _train_and_cache(
        self, choice: dict[str, Any], recipe: Recipe, key: str, *, role: str, seed: int
    ) -> Generator[Event, None, Path]:
        model = networks.build(choice, self.data, seed=seed).to(self.workspace.device)
        self.progress.plan(key, model, self.data, recipe)
        checkpoint = self.checkpoint(f"{role}-seed{seed}")
        yield from self.train(model, recipe, role=role, seed=seed, key=key, checkpoint=checkpoint)
        self.workspace.models.mkdir(parents=True, exist_ok=True)
        path = self.workspace.models / f"{key}.safetensors"
        weights.save(path, model, networks.facts_of(choice, self.data))
        return path


def open_lab(choice: dict[str, Any], workspace: Workspace) -> Generator[Event, None, Lab]:
    """Yield stages while data is found or downloaded; return the `Lab` with the data on the device."""
    title = _(DATASETS[choice["name"]].title)
    yield events.stage("data", _("Reading {title}").format(title=title))
    loading = load(choice, settings.data_root())
    while True:
        try:
            yield events.stage("data", next(loading))
        except StopIteration as end:
            return Lab(workspace, choice, end.value.to(workspace.device))


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
