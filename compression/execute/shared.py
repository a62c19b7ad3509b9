"""Trainings that runs share: a student trained without its teacher is the same network whatever the loss and its knobs."""

import hashlib
import json
from collections.abc import Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import nn

from compression import events, networks
from compression.data.arrays import Dataset
from compression.events import Event
from compression.export import weights
from compression.recipe import teacher_recipe
from compression.schemes import before, learns_elsewhere
from compression.spec import DistillSpec
from compression.training import LOOP_VERSION

Trained = tuple[nn.Module, str | None]


@dataclass(frozen=True)
class SharedTraining:
    """A training whose network and curve are cached, so that a run that asks for the same one replays it.

    Attributes:
        network: the file of the trained network.
        curve: the file of the metrics of all its epochs.
    """

    network: Path
    curve: Path

    @property
    def cached(self) -> bool:
        """Tell whether there is something to replay."""
        return self.network.exists() and bool(self._metrics())

    def replay(self, data: Dataset, *, role: str, seed: int) -> Generator[Event, None, Trained]:
        """Yield the metrics of the cached training; return its network and why it has not converged, or None.

        Raises:
            DataError: the network's file cannot be read.
        """
        network = networks.read(self.network, data)
        for epoch, values in self._metrics():
            yield events.metric(role, seed, epoch, values)
        return network.model.to(data.train.labels.device), network.facts.get("convergence")

    def record(
        self, training: Generator[Event, None, Trained], architecture: dict[str, Any], data: Dataset
    ) -> Generator[Event, None, Trained]:
        """Yield the events of a training and cache it at its end, unless its first epochs were trained by an earlier process."""
        metrics: list[tuple[float, dict[str, float]]] = []

        def noted(event: Event) -> Iterator[Event]:
            if event["type"] == "metric":
                metrics.append((event["epoch"], event["values"]))
            yield event

        model, ended = yield from events.translated(training, noted)
        if metrics and metrics[0][0] == 0:
            self.network.parent.mkdir(parents=True, exist_ok=True)
            weights.save(self.network, model, networks.facts_of(architecture, data, convergence=ended))
            partial = self.curve.with_suffix(".partial")
            partial.write_text(json.dumps(metrics), encoding="utf-8")
            partial.replace(self.curve)
        return model, ended

    def _metrics(self) -> list[tuple[float, dict[str, float]]]:
        try:
            return [(epoch, values) for epoch, values in json.loads(self.curve.read_text(encoding="utf-8"))]
        except (OSError, ValueError, TypeError):
            return []


def shared_baseline(spec: DistillSpec, models: Path, seed: int, lr: float) -> SharedTraining:
    """Return the training of a baseline, by all that its network and its curve depend on.

    A teacher that is trained before is part of that: the curve has the agreement with it, unless it is of another task.

    Args:
        models: the folder of cached networks.
    """
    taught = bool(before(spec)) and not learns_elsewhere(spec)
    facts = {
        "loop": LOOP_VERSION,
        "dataset": spec.dataset,
        "transfer": spec.transfer,
        "teacher": spec.teacher if taught else None,
        "teacher_train": teacher_recipe(spec.dataset, spec.teacher_train, spec.train) if taught else None,
        "student": spec.student,
        "train": {**spec.train, "lr": lr},
        "seed": seed,
        **({"before": before(spec)} if taught and before(spec) != {"teacher": spec.teacher} else {}),
    }
    name = "baseline-" + hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]
    return SharedTraining(models / f"{name}.safetensors", models / f"{name}.curve.json")
