"""How much of a run is done, by the work of its trainings as estimated beforehand and the time taken so far."""

import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from torch import nn

from compression.data.arrays import Dataset
from compression.events import Event
from compression.measure.cost import cost
from compression.recipe import Recipe


@dataclass
class Progress:
    """The estimated work of a run's trainings, by a key of each, and how much of it is done.

    Attributes:
        work: the predicted seconds of the trainings that are still to do.
        timing: of each role's trainings, `predicted_s` and the `seconds` that they took; later predictions learn from it.
    """

    work: dict[Any, float] = field(default_factory=dict)
    done: float = 0.0
    skipped: float = 0.0
    started: float = field(default_factory=time.monotonic)
    timing: dict[str, dict[str, float]] = field(default_factory=dict)

    def plan(self, key: Any, model: nn.Module, dataset: Dataset, recipe: Recipe, *, more: float = 0.0) -> None:
        """Count a training by the seconds that it is predicted to take.

        Args:
            more: seconds that something beside the network takes, such as its early exits.
        """
        counts = {"images": len(dataset.train), "validation_images": len(dataset.validation)}
        own = cost(model, dataset.shape).training_seconds(recipe, device=dataset.train.labels.device.type, **counts)
        self.work[key] = own + more

    def join(self, keys: Sequence[Any]) -> None:
        """Count trainings as one, under the first of their keys."""
        self.work[keys[0]] = sum(self.work.pop(key, 0.0) for key in keys)

    def skip(self, key: Any) -> None:
        """Count a training as done that took no time, since it was done before."""
        self.skipped += self.work.get(key, 0.0)
        self.finish(key)

    def finish(self, key: Any) -> None:
        """Count a training as done."""
        self.done += self.work.pop(key, 0.0)

    def time(self, key: Any, role: str, seconds: float) -> None:
        """Keep how long a training took that was done wholly in this execution."""
        timing = self.timing.setdefault(role, {"predicted_s": 0.0, "seconds": 0.0})
        timing["predicted_s"] += self.work.get(key, 0.0)
        timing["seconds"] += seconds

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
