"""What a run works with: its data, its networks, its progress and its trainings; every kind of run is given one `Lab`."""

import json
import time
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import torch
from filelock import FileLock, Timeout
from torch import nn

from compression import events, given, networks, settings
from compression.data import DATASETS
from compression.data.arrays import Dataset
from compression.data.load import load, load_present
from compression.events import Event
from compression.export import weights
from compression.hooks import Hooks
from compression.measure.convergence import convergence
from compression.measure.macs import to_fast_layout_
from compression.networks import Network, Workspace
from compression.objective import Given, Objective
from compression.progress import Progress
from compression.recipe import RECIPE, Recipe
from compression.teacher import Teacher
from compression.texts import gettext as _
from compression.together import Losses, train_together
from compression.training import Beat, Epoch, History, train

MACS_WORTH_THREADS = 1e9
WAITING_BEAT_S = 0.15


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
    _others: "dict[str, Lab]" = field(default_factory=dict)

    def on(self, choice: dict[str, Any]) -> "Lab":
        """Return the lab of the same run on another dataset, which lies there already; itself for its own."""
        if choice == self.choice:
            return self
        key = json.dumps(choice, sort_keys=True)
        return self._others.get(key) or self._put(key, choice, load_present(choice, settings.data_root()))

    def bring(self, choice: dict[str, Any]) -> Iterator[Event]:
        """Yield stages while another dataset is found or downloaded, on which `on` then finds the lab."""
        data = yield from fetch(choice)
        self._put(json.dumps(choice, sort_keys=True), choice, data)

    def _put(self, key: str, choice: dict[str, Any], data: Dataset) -> "Lab":
        self._others[key] = replace(self, choice=choice, data=data.to(self.workspace.device), _others={})
        return self._others[key]

    def path(self, role: str, seed: int) -> Path:
        """Return the file of a role's network."""
        return self.workspace.folder / networks.artifact_name(role, seed)

    def checkpoint(self, name: str) -> Path:
        """Return the file from which an interrupted training goes on."""
        return self.workspace.folder / f"{name}.checkpoint"

    def read(self, path: Path) -> Network:
        """Return the network in a file, on the device and in the layout in which it predicts fastest."""
        network = networks.read(path, self.data).to(self.workspace.device)
        to_fast_layout_(network.model, self.data.shape)
        return network

    def train(
        self,
        model: nn.Module,
        recipe: Recipe,
        *,
        role: str,
        seed: int,
        key: Any,
        objective: Objective | Given | None = None,
        teacher: Teacher | None = None,
        checkpoint: Path | None = None,
        first_epoch: int = 0,
        data: Dataset | None = None,
        hooks: Hooks | None = None,
    ) -> Generator[Event, None, str | None]:
        """Yield the metrics and the progress of one training; return why it has not converged, or None.

        Args:
            key: of this training in the progress.
            first_epoch: added to the epochs of the metrics, where this training goes on from another.
            data: what to train on, by default the lab's own data.
            hooks: what else happens after steps and epochs.
        """
        options = {"objective": objective, "teacher": teacher, "checkpoint": checkpoint, "hooks": hooks}
        training = train(model, data or self.data, recipe, seed=seed, **options)
        place = {"role": role, "seed": seed, "key": key}
        return (yield from self.tell(training, model, recipe, checkpoint=checkpoint, first_epoch=first_epoch, **place))

    def tell(
        self,
        training: Generator[Beat | Epoch, None, History],
        model: nn.Module,
        recipe: Recipe,
        *,
        role: str,
        seed: int,
        key: Any,
        checkpoint: Path | None = None,
        first_epoch: int = 0,
    ) -> Generator[Event, None, str | None]:
        """Yield the metrics and the progress of a training that has not begun; return why it has not converged, or None."""
        with self._timed(key, role, [model], recipe, checkpoint):

            def translate(event: Beat | Epoch) -> Iterator[Event]:
                if isinstance(event, Epoch):
                    yield events.metric(role, seed, event.epoch + first_epoch, event.values)
                yield self.progress.event(key, role=role, seed=seed, epoch=event.epoch, epochs=recipe.epochs)

            history = yield from events.translated(training, translate)
        return _convergence(history)

    def train_together(
        self,
        models: Mapping[str, nn.Module],
        recipe: Recipe,
        loss: Losses,
        *,
        seed: int,
        keys: Sequence[Any],
        checkpoint: Path,
        data: Dataset,
    ) -> Generator[Event, None, list[str | None]]:
        """Yield the metrics and the progress of trainings in lockstep; return why each has not converged, or None.

        Args:
            models: by role.
            keys: of these trainings in the progress.
        """
        self.progress.join(keys)
        key, role = keys[0], next(iter(models))
        with self._timed(key, role, [*models.values()], recipe, checkpoint):
            training = train_together([*models.values()], data, recipe, loss, seed=seed, checkpoint=checkpoint)

            def translate(event: Beat | tuple[Epoch, ...]) -> Iterator[Event]:
                epochs = () if isinstance(event, Beat) else event
                for of, epoch in zip(models, epochs, strict=False):
                    yield events.metric(of, seed, epoch.epoch, epoch.values)
                reached = epochs[0].epoch if epochs else event.epoch
                yield self.progress.event(key, role=role, seed=seed, epoch=reached, epochs=recipe.epochs)

            histories = yield from events.translated(training, translate)
        return [_convergence(history) for history in histories]

    @contextmanager
    def _timed(self, key: Any, role: str, models: Sequence[nn.Module], recipe: Recipe, checkpoint: Path | None) -> Iterator[None]:
        """Make networks ready for a training; after it, note how long it took, and leave them ready to predict."""
        whole, began = checkpoint is None or not checkpoint.exists(), time.monotonic()
        operations = max(to_fast_layout_(model, self.data.shape) for model in models)
        with fitting_threads(operations * recipe.batch_size):
            yield
        if whole:
            self.progress.time(key, role, time.monotonic() - began)
        self.progress.finish(key)
        for model in models:
            model.eval()

    def obtain(
        self,
        choice: dict[str, Any],
        recipe: dict[str, Any],
        *,
        role: str,
        seed: int,
        index: int = 1,
        of: int = 1,
        called: str = "",
    ) -> Generator[Event, None, Network]:
        """Yield events until there is a trained network: from an earlier run, from the cache, or trained now and cached.

        Args:
            called: what the stages call it; its role without.

        Returns:
            The network on the device; a file of it lies in the run's folder under the role's name.
        """
        key = networks.cache_key(self.choice, choice, recipe, seed)
        source = self._find(choice, key)
        if source is None:
            place = {"role": role, "seed": seed, "index": index, "of": of}
            source = yield from self._train_once(choice, RECIPE.bind(recipe)(), key, place, called or _(role))
        target = self.path(role, seed)
        network = self.read(source)
        if source.suffix == target.suffix:
            networks.place(source, target)
        else:
            weights.save(target, network.model, network.facts)
        yield events.metric(role, seed, None, network.validated)
        yield events.artifact(target, role, seed)
        return network

    def plan(self, choice: dict[str, Any], recipe: dict[str, Any], seed: int) -> None:
        """Count the training of a network that `obtain` will be asked for, unless there is one already."""
        key = networks.cache_key(self.choice, choice, recipe, seed)
        if self._find(choice, key) is None:
            self.progress.plan(key, networks.build(choice, self.data, seed=seed), self.data, RECIPE.bind(recipe)())

    def given(self, choice: dict[str, Any]) -> nn.Module:
        """Return a network that is given, on the CPU."""
        return networks.read(given.find(choice, self.choice, self.data, self.workspace), self.data).model

    def _find(self, choice: dict[str, Any], key: str) -> Path | None:
        if given.is_given(choice):
            return given.find(choice, self.choice, self.data, self.workspace)
        return networks.find_cached(key, self.workspace)

    def _train_once(
        self, choice: dict[str, Any], recipe: Recipe, key: str, place: dict[str, Any], called: str
    ) -> Generator[Event, None, Path]:
        """Yield events until a network is cached: trained here, unless another run is at it, whose network is then taken.

        Whoever trains it holds a lock beside it, which the system releases when its process ends, however it ends.
        """
        self.workspace.models.mkdir(parents=True, exist_ok=True)
        lock, role, seed = FileLock(self.workspace.models / f"{key}.lock", thread_local=False), place["role"], place["seed"]
        try:
            yield from self._until_free(lock, key, place, called)
            source = self._find(choice, key)
            if source is None:
                yield events.stage(role, _("Training the {role}").format(role=called), **place)
                return (yield from self._train_and_cache(choice, recipe, key, role=role, seed=seed))
            self.progress.skip(key)
            return source
        finally:
            lock.release()

    def _until_free(self, lock: FileLock, key: str, place: dict[str, Any], called: str) -> Iterator[Event]:
        try:
            lock.acquire(blocking=False)
            return
        except Timeout:
            text = _("Waiting for the {role}, which another run trains now").format(role=called)
            yield events.stage(place["role"], text, **place)
        while not lock.is_locked:
            yield self.progress.event(key, role=place["role"], seed=place["seed"], epoch=0, epochs=1)
            with suppress(Timeout):
                lock.acquire(timeout=WAITING_BEAT_S)

    def _train_and_cache(
        self, choice: dict[str, Any], recipe: Recipe, key: str, *, role: str, seed: int
    ) -> Generator[Event, None, Path]:
        start = given.begin(choice, self.data, self.workspace, seed=seed)
        model = start.model.to(self.workspace.device)
        self.progress.plan(key, model, self.data, recipe)
        checkpoint = self.checkpoint(f"{role}-seed{seed}")
        ended = yield from self.train(model, recipe, role=role, seed=seed, key=key, checkpoint=checkpoint, data=start.data)
        path = self.workspace.models / f"{key}.safetensors"
        weights.save(path, model, {**start.facts, "convergence": ended})
        return path


def _convergence(history: History) -> str | None:
    return convergence([train_loss for train_loss, _loss in history], [loss for _train_loss, loss in history])


def open_lab(choice: dict[str, Any], workspace: Workspace) -> Generator[Event, None, Lab]:
    """Yield stages while data is found or downloaded; return the `Lab` with the data on the device."""
    data = yield from fetch(choice)
    return Lab(workspace, choice, data.to(workspace.device))


def fetch(choice: dict[str, Any]) -> Generator[Event, None, Dataset]:
    """Yield stages while data is found or downloaded; return it."""
    title = _(DATASETS[choice["name"]].title)
    yield events.stage("data", _("Reading {title}").format(title=title))
    loading = load(choice, settings.data_root())
    return (yield from events.translated(loading, lambda sentence: [events.stage("data", sentence)]))


@contextmanager
def fitting_threads(macs_per_step: float) -> Iterator[None]:
    """Compute small steps on one thread: handing them out costs more than they do, and far more on a busy machine."""
    before = torch.get_num_threads()
    if macs_per_step < MACS_WORTH_THREADS:
        torch.set_num_threads(1)
    try:
        yield
    finally:
        torch.set_num_threads(before)
