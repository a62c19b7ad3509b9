"""How much of a run is done, by the work of its trainings as estimated beforehand and the time taken so far."""

import time
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from compression.data.arrays import Dataset
from compression.events import Event
from compression.measure.macs import macs
from compression.recipe import Recipe

STEP_SECONDS = 1e-3
OPERATIONS_PER_SECOND = 2e10
BACKWARD_FACTOR = 3


@dataclass
class Progress:
    """The estimated work of a run's trainings, by a key of each, and how much of it is done."""

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
        fraction = min(1.0, round(reached / total, 9)) if total else 1.0
        return {
            "type": "progress",
            "fraction": fraction,
            "seconds_left": left,
            "role": role,
            "seed": seed,
            "epoch": epoch,
            "epochs": epochs,
        }
