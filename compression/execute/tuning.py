"""A fair fight: each role picks its learning rate on validation images, with seeds that do not count, before the run."""

import json
import math
from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from itertools import count, islice
from pathlib import Path
from statistics import fmean
from typing import Any

from torch import nn

from compression import events
from compression.errors import TrainingError
from compression.evaluation import evaluate
from compression.events import Event
from compression.lab import Lab
from compression.spec import DistillSpec
from compression.texts import gettext as _

SEEDS = 2

Train = Callable[..., Generator[Event, None, tuple[nn.Module, str | None]]]


@dataclass(frozen=True)
class Training:
    """One training whose validation accuracy helps a role to choose its learning rate."""

    role: str
    lr: float
    seed: int

    @property
    def name(self) -> str:
        """Return its name in the progress, in the file of outcomes and of its checkpoint."""
        return f"tune-{self.role}-lr{self.lr:g}-seed{self.seed}"


def tuning_trainings(spec: DistillSpec, roles: Sequence[str]) -> list[Training]:
    """Return the trainings that a spec's `tune` asks for, each rate with the first seeds that the run does not use."""
    seeds = islice((seed for seed in count() if seed not in spec.seeds), SEEDS)
    rates = spec.tune["lr"] if spec.tune else []
    return [Training(role, lr, seed) for seed in seeds for role in roles for lr in rates]


def learning_rates(spec: DistillSpec, lab: Lab, roles: Sequence[str], train: Train) -> Generator[Event, None, dict[str, Any]]:
    """Yield the events of the tuning; return for each role its `lr` and what was `tried`.

    Rates whose mean validation accuracy is within one standard error of the highest cannot be told apart by so few images; of
    them, the lowest mean validation loss wins. Without `tune` every role has the learning rate of the recipe.

    Source: Breiman, Friedman, Olshen & Stone 1984, Classification and Regression Trees, section 3.4.3 (one standard error).
    """
    trainings = tuning_trainings(spec, roles)
    outcomes = _read(lab.workspace.folder / "tuning.json")
    for index, training in enumerate(trainings, 1):
        if training.name in outcomes:
            lab.progress.skip(training.name)
            continue
        text = _("Choosing learning rates, training {index} of {of}").format(index=index, of=len(trainings))
        yield events.stage("tune", text, role=training.role, seed=training.seed, index=index, of=len(trainings))
        outcomes[training.name] = yield from _outcome(training, lab, train)
        _write(lab.workspace.folder / "tuning.json", outcomes)
    if not trainings:
        return {role: {"lr": spec.train["lr"], "tried": []} for role in roles}
    images = len(lab.data.validation)
    return {role: _choose([training for training in trainings if training.role == role], outcomes, images) for role in roles}


def _outcome(training: Training, lab: Lab, train: Train) -> Generator[Event, None, dict[str, float | None]]:
    """Return the validation loss and accuracy that a rate leads to; a training that diverges loses to all others."""
    try:
        told = train(training.role, training.seed, training.lr, name=training.name)
        # Curves of these seeds would stand among those that count.
        model, _ended = yield from events.translated(told, lambda event: [] if event["type"] == "metric" else [event])
    except TrainingError:
        lab.progress.finish(training.name)
        return {"val_loss": None, "val_accuracy": 0.0}
    return evaluate(model, lab.data)


def _choose(trainings: Sequence[Training], outcomes: dict[str, dict[str, float | None]], images: int) -> dict[str, Any]:
    tried = []
    for lr in dict.fromkeys(training.lr for training in trainings):
        found = [outcomes[training.name] for training in trainings if training.lr == lr]
        losses = [outcome["val_loss"] for outcome in found]
        mean_loss = None if None in losses else fmean(losses)
        tried.append({"lr": lr, "val_accuracy": fmean(outcome["val_accuracy"] for outcome in found), "val_loss": mean_loss})
    highest = max(row["val_accuracy"] for row in tried)
    standard_error = math.sqrt(highest * (1 - highest) / images)
    near = [row for row in tried if row["val_accuracy"] >= highest - standard_error]
    best = min(near, key=lambda row: math.inf if row["val_loss"] is None else row["val_loss"])
    return {"lr": best["lr"], "tried": tried, "seeds": sorted({training.seed for training in trainings})}


def _read(path: Path) -> dict[str, Any]:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return {}


def _write(path: Path, outcomes: dict[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(outcomes), encoding="utf-8")
    partial.replace(path)
