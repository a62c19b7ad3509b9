"""The hot loop: the dataset on the device as uint8, batched augmentation there, no DataLoader, nothing read back inside an epoch.

Training is a generator: closing it stops training. It yields `Beat`s by time, so that whoever drives it can stop it
within a quarter of a second, and an `Epoch` after each pass over the data.
"""

import copy
import math
import time
from collections.abc import Callable, Generator, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from compression import augmentation
from compression.autocast import computing_in
from compression.checkpoint import restore_checkpoint, save_checkpoint
from compression.data.arrays import Dataset
from compression.distillation import Batch, Seen
from compression.errors import TrainingError
from compression.evaluation import predict, validate
from compression.gradients import gradient_sizes
from compression.hooks import Hooks
from compression.objective import Given, Objective
from compression.optimizer import Optimizer, learning_rate
from compression.recipe import Recipe
from compression.teacher import Table, Teacher
from compression.texts import gettext as _

History = list[tuple[float, float]]
Totals = dict[str, Tensor]

LOOP_VERSION = 1  # raise it with every change that gives trainings other numbers: what was cached before is then not used again
BEAT_SECONDS = 0.15
CHECKPOINT_SECONDS = 5.0


@dataclass(frozen=True)
class Beat:
    """A sign of life; `epoch` is fractional."""

    epoch: float


@dataclass(frozen=True)
class Epoch:
    """What one pass over the data gave; epoch 0 is the network before training and has no training loss.

    `values`: `train_loss`, `term_<name>`, `val_loss`, `val_accuracy`, `lr`, `agreement` with the teacher if there is one of the
    same task, and where hooks ask for them `gradient_labels` and `gradient_teacher`.
    """

    epoch: int
    values: dict[str, float]


def train(
    model: nn.Module,
    dataset: Dataset,
    recipe: Recipe,
    *,
    seed: int,
    objective: Objective | Given | None = None,
    teacher: Teacher | None = None,
    checkpoint: Path | None = None,
    hooks: Hooks | None = None,
) -> Generator[Beat | Epoch, None, History]:
    """Train a network in place, evaluating on the validation split after each epoch; return the losses of all epochs.

    Order and augmentation depend on seed and epoch alone, so that a resumed training ends with the same numbers.

    Args:
        model: on the device of the dataset.
        objective: by default the task's loss on the labels; its own parameters are trained with the model's.
        teacher: agreement is measured with it; losses see its answers, for each batch anew where images are augmented.
        checkpoint: a checkpoint, written every few seconds and removed at the end; one that cannot be read is put
            aside with a warning in the log, and training begins anew.
        hooks: what else happens after steps and epochs.

    Raises:
        LabError: the loss is no longer a finite number, or cannot compare these two networks.
    """
    return (yield from run(Loop(model, dataset, recipe, seed, objective, teacher, hooks or Hooks()), checkpoint))


def run(loop: "Loop", checkpoint: Path | None) -> Generator[Beat | Epoch, None, History]:
    """Train as `train` says, by a loop that is made for it."""
    recipe = loop.recipe
    done = go_on([loop], checkpoint, loop.restore) if checkpoint and checkpoint.exists() else 0
    if not done:
        yield Epoch(0, loop.evaluate())
    for epoch in range(done + 1, recipe.epochs + 1):
        values = yield from loop.run_epoch(epoch)
        yield Epoch(epoch, values)
        if loop.stops(epoch, values):
            break
        if checkpoint and loop.save_is_due(epoch):
            save_checkpoint(checkpoint, loop.state(epoch))
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    return loop.history


def go_on(loops: "Sequence[Loop]", path: Path, restore: Callable[[dict[str, Any]], int]) -> int:
    """Return the epochs that a checkpoint has behind it; 0 where there is none, or none that can be used."""
    initial = [copy.deepcopy(loop.trained.state_dict()) for loop in loops]
    done = restore_checkpoint(path, loops[0].dataset.train.labels.device, restore)
    if done is None:
        # Half of a damaged checkpoint may have been loaded.
        for loop, state in zip(loops, initial, strict=True):
            loop.reset(state)
    return done or 0


class Loop:
    """One training, step by step; `train` runs it, as `together.train_together` does several."""

    def __init__(
        self,
        model: nn.Module,
        dataset: Dataset,
        recipe: Recipe,
        seed: int,
        objective: Objective | Given | None,
        teacher: Teacher | None,
        hooks: Hooks,
    ) -> None:
        self.hooks = hooks
        self.model, self.dataset, self.recipe, self.seed, self.teacher = model, dataset, recipe, seed, teacher
        self.compared = (objective or Objective()).between(model, teacher and teacher.model, dataset, seed=seed)
        self.trained = nn.ModuleDict({"model": model, "losses": self.compared.total})
        self.optimizer = Optimizer(self.trained, recipe)
        self.batch, self.steps = self.size()
        self.answers: Seen | None = None
        self.table: Table | None = None
        if self.compared.teacher and recipe.augment == "none":
            self.answers = teacher.seen(self.compared.teacher)
        elif self.compared.teacher:
            self.table = teacher.table(self.compared.teacher, recipe.augment)
        self.beat = self.saved = time.monotonic()
        self.history: History = []
        self.sizes: dict[str, Tensor] = {}

    def size(self) -> tuple[int, int]:
        """Return how many images a step has, and how many steps an epoch."""
        batch = min(self.recipe.batch_size, len(self.dataset.train))
        return batch, len(self.dataset.train) // batch

    def reset(self, state: Mapping[str, Any]) -> None:
        """Begin anew, from what was to be trained as it began."""
        self.trained.load_state_dict(state)
        self.optimizer, self.history = Optimizer(self.trained, self.recipe), []

    def run_epoch(self, epoch: int) -> Generator[Beat, None, dict[str, float]]:
        self.before = copy.deepcopy(self.model.state_dict()) if self.hooks.stop_when else None
        totals: Totals = {}
        self.model.train()
        for step, chosen, views in self.order(epoch):
            self.take_step(step, chosen, views, totals)
            if self.beat_is_due():
                yield Beat((step + 1) / self.steps)
        return self.finish_epoch(epoch, totals)

    def take_step(self, step: int, chosen: Tensor, views: Tensor, totals: Totals) -> None:
        """Learn from some images, as `order` yields them; nothing waits for the device."""
        inputs, batch = self.batch_of(chosen, views, step)
        taught = self._teach(inputs, chosen, views)
        terms = self.compared.total(self.answer(batch), taught, batch)
        if (step + 1) % self.steps == 0 and (step + 1) // self.steps in self.hooks.gradient_epochs:
            self.sizes = gradient_sizes(terms, self.model.parameters())
        self.descend(terms, step, totals)

    def answer(self, batch: Batch) -> Seen:
        """Return what there is to see of the network on a batch, computed in the recipe's precision, as float32."""
        with self._in_precision():
            return self.compared.student(batch.inputs).float()

    def _in_precision(self) -> AbstractContextManager[object]:
        return computing_in(self.recipe.precision, self.dataset.train.labels.device)

    def order(self, epoch: int) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield the steps of an epoch, counted from the first of all, with positions (B,) and views (B,) of their images."""
        generator = torch.Generator().manual_seed(self.seed * 1_000_003 + epoch)
        torch.manual_seed(self.seed * 1_000_003 + epoch)
        order = self._to_device(torch.randperm(len(self.dataset.train), generator=generator)[: self.steps * self.batch])
        drawn = self._to_device(torch.cat([self._draw(generator) for _step in range(self.steps)]))
        steps = range((epoch - 1) * self.steps, epoch * self.steps)
        yield from zip(steps, order.split(self.batch), drawn.split(self.batch), strict=True)

    def beat_is_due(self) -> bool:
        """Tell whether the last sign of life is so long ago that now there must be one."""
        due = time.monotonic() - self.beat > BEAT_SECONDS
        self.beat = time.monotonic() if due else self.beat
        return due

    def finish_epoch(self, epoch: int, totals: Totals) -> dict[str, float]:
        """Return the values of an epoch, of which the totals are the sums of all terms over its steps."""
        sizes = {name: float(size) for name, size in self.sizes.items()}
        values, self.sizes = {**self._means(totals, epoch), **sizes, **self.evaluate()}, {}
        self.history.append((values["train_loss"], values["val_loss"]))
        return values

    def stops(self, epoch: int, values: dict[str, float]) -> bool:
        """Tell whether the training ends with this epoch; the network is then what the hook asks for."""
        stop = self.hooks.stop_when(epoch, values) if self.hooks.stop_when else None
        if stop == "before":
            self.model.load_state_dict(self.before)
        return stop is not None

    def _draw(self, generator: torch.Generator) -> Tensor:
        return augmentation.draw(self.batch, self.recipe.augment, self.dataset.shape[1], generator)

    def _to_device(self, drawn: Tensor) -> Tensor:
        device = self.dataset.train.labels.device
        return drawn.pin_memory().to(device, non_blocking=True) if device.type == "cuda" else drawn.to(device)

    def batch_of(self, chosen: Tensor, views: Tensor, step: int) -> tuple[Tensor, Batch]:
        """Return the images of a step as they are seen, uint8 (B, C, H, W), and the batch of them."""
        inputs = augmentation.apply(self.dataset.train.inputs[chosen], self.recipe.augment, views)
        return inputs, Batch(self.dataset.normalize(inputs), self.dataset.train.labels[chosen], chosen, step)

    def descend(self, terms: dict[str, Tensor], step: int, totals: Totals) -> None:
        """Take one step down the sum of the terms, and add them to the totals."""
        self.optimizer.lr = learning_rate(self.recipe, step, self.steps * self.recipe.epochs)
        if self.hooks.penalty:
            terms = {**terms, "penalty": self.hooks.penalty(self.model)}
        self.optimizer.zero_grad()
        sum(terms.values()).backward()
        self.optimizer.step()
        if self.hooks.after_step:
            self.hooks.after_step(step + 1, self.steps * self.recipe.epochs)
        for name, term in terms.items():
            totals[name] = totals[name] + term.detach() if name in totals else term.detach().clone()

    def _teach(self, inputs: Tensor, chosen: Tensor, views: Tensor) -> Seen | None:
        if self.compared.teacher is None:
            return None
        if self.table is not None:
            return Seen(self.table.logits(chosen, views))
        if self.answers is not None:
            return self.answers[chosen]
        with self._in_precision():
            return self.teacher.look(self.compared.teacher, inputs).float()

    def _means(self, totals: dict[str, Tensor], epoch: int) -> dict[str, float]:
        means = {name: float(total) / self.steps for name, total in totals.items()}
        loss = sum(means.values())
        if not math.isfinite(loss):
            raise TrainingError(
                _("The loss is no longer a number in epoch {epoch}: lower the learning rate, {lr:g} now.").format(
                    epoch=epoch, lr=self.recipe.lr
                )
            )
        return {
            "train_loss": loss,
            "lr": self.optimizer.lr,
            **{f"term_{name}": mean for name, mean in means.items()},
        }

    def evaluate(self) -> dict[str, float]:
        """Return the values of the network as it is, on validation images."""
        logits = predict(self.model, self.dataset, self.dataset.validation.inputs)
        values, self.choice = validate(logits, self.dataset), logits.argmax(1)
        if self.teacher is not None and self.teacher.same_task:
            values["agreement"] = float((self.choice == self.teacher.validation_choice).float().mean())
        return values

    def save_is_due(self, epoch: int) -> bool:
        """Tell whether the last checkpoint is so old that now there must be one; after the last epoch there need be none."""
        due = epoch < self.recipe.epochs and time.monotonic() - self.saved > CHECKPOINT_SECONDS
        self.saved = time.monotonic() if due else self.saved
        return due

    def state(self, epoch: int) -> dict[str, Any]:
        """Return all that a training that goes on after an epoch needs."""
        state = {"epoch": epoch, "model": self.model.state_dict(), "losses": self.compared.total.state_dict()}
        return {**state, "optimizer": self.optimizer.state_dict(), "history": self.history}

    def restore(self, state: dict[str, Any]) -> int:
        """Go back to a state; return its epoch."""
        self.model.load_state_dict(state["model"])
        self.compared.total.load_state_dict(state.get("losses", {}))
        self.optimizer.load_state_dict(state["optimizer"])
        self.history = [tuple(losses) for losses in state.get("history", [])]
        return state["epoch"]
