"""What a task's loss and metrics are; nothing outside data, models and this file may assume one task."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor
from torch.nn import functional

from compression.errors import SpecError


def _correct(logits: Tensor, targets: Tensor) -> Tensor:
    return logits.argmax(1) == targets


@dataclass(frozen=True)
class Task:
    """One kind of problem.

    Attributes:
        loss: logits (B, K) and targets (B,) to the mean loss, 0-d.
        correct: logits (B, K) and targets (B,) to whether each example is right, bool (B,).
    """

    name: str
    loss: Callable[[Tensor, Tensor], Tensor]
    correct: Callable[[Tensor, Tensor], Tensor]


TASKS = {"classification": Task("classification", functional.cross_entropy, _correct)}


def task(name: str) -> Task:
    """Return the task of that name.

    Raises:
        SpecError: unknown.
    """
    if name not in TASKS:
        raise SpecError("task", name, f"allowed is one of {', '.join(TASKS)}")
    return TASKS[name]
