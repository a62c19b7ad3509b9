"""Several networks trained at the same time, in lockstep: each step shows all of them the same images and updates all of them."""

from collections.abc import Callable, Generator, Sequence
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from compression.checkpoint import save_checkpoint
from compression.data.arrays import Dataset
from compression.distillation import Batch, Seen
from compression.hooks import Hooks
from compression.recipe import Recipe
from compression.training import Beat, Epoch, History, Loop, Totals, go_on

Loss = Callable[[Seen, Sequence[Seen], Batch], dict[str, Tensor]]
Losses = Loss | Sequence[Loss | None]


def train_together(
    models: Sequence[nn.Module], dataset: Dataset, recipe: Recipe, loss: Losses, *, seed: int, checkpoint: Path | None = None
) -> Generator[Beat | tuple[Epoch, ...], None, list[History]]:
    """Train networks in place at the same time, each with the labels and a loss against the others' present answers.

    In a step all networks answer the same images before any of them is updated. What the loss sees of the others has no
    gradient, so that each network follows its own loss alone.

    Args:
        models: on the device of the dataset.
        loss: gives the terms beside the labels' cross-entropy, of what one network answers and what the others do; or one for
            each network, None for one that learns from the labels alone.
        checkpoint: one for all networks, written and used as by `train`.

    Yields:
        `Beat`s by time, and after each pass over the data an `Epoch` of each network; the first one's values have `agreement`,
        that with the second.

    Returns:
        The losses of all epochs, by network.

    Raises:
        TrainingError: a loss is no longer a finite number.
    """
    lockstep = _Lockstep([Loop(model, dataset, recipe, seed, None, None, Hooks()) for model in models], loss)
    done = go_on(lockstep.loops, checkpoint, lockstep.restore) if checkpoint and checkpoint.exists() else 0
    if not done:
        yield lockstep.told(0, [loop.evaluate() for loop in lockstep.loops])
    for epoch in range(done + 1, recipe.epochs + 1):
        values = yield from lockstep.run_epoch(epoch)
        yield lockstep.told(epoch, values)
        if checkpoint and lockstep.loops[0].save_is_due(epoch):
            save_checkpoint(checkpoint, {"learners": [loop.state(epoch) for loop in lockstep.loops]})
    if checkpoint:
        checkpoint.unlink(missing_ok=True)
    return [loop.history for loop in lockstep.loops]


class _Lockstep:
    def __init__(self, loops: Sequence[Loop], loss: Losses) -> None:
        self.loops, self.losses = loops, [loss] * len(loops) if callable(loss) else loss

    def run_epoch(self, epoch: int) -> Generator[Beat, None, list[dict[str, float]]]:
        first, totals = self.loops[0], [Totals() for _loop in self.loops]
        for loop in self.loops:
            loop.model.train()
        for step, chosen, views in first.order(epoch):
            _inputs, batch = first.batch_of(chosen, views, step)
            seen = [loop.answer(batch) for loop in self.loops]
            terms = [self._terms(place, seen, batch) for place in range(len(seen))]
            for loop, own, total in zip(self.loops, terms, totals, strict=True):
                loop.descend(own, step, total)
            if first.beat_is_due():
                yield Beat((step + 1) / first.steps)
        return [loop.finish_epoch(epoch, total) for loop, total in zip(self.loops, totals, strict=True)]

    def _terms(self, place: int, seen: Sequence[Seen], batch: Batch) -> dict[str, Tensor]:
        others = [other.detach() for position, other in enumerate(seen) if position != place]
        loss = self.losses[place]
        own = loss(seen[place], others, batch) if loss else {}
        return {**self.loops[place].compared.total(seen[place], None, batch), **own}

    def told(self, epoch: int, values: Sequence[dict[str, float]]) -> tuple[Epoch, ...]:
        first, second, *_others = self.loops
        agreement = float((first.choice == second.choice).float().mean())
        return tuple(Epoch(epoch, of) for of in [{**values[0], "agreement": agreement}, *values[1:]])

    def restore(self, state: dict[str, Any]) -> int:
        return min(loop.restore(own) for loop, own in zip(self.loops, state["learners"], strict=True))
