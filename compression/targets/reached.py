"""How far a step is at the end of an epoch, as targets see it."""

from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Reached:
    """What a target may look at.

    Attributes:
        accuracy: 0 to 1, on the validation images, after this epoch.
        accuracy_at_start: the same of the network that the step began with.
        size_bytes: computes the size of the file that the network would have now, after what the following steps do without
            training.
        epoch: how many passes over the training images the step has behind it, also where it goes on after an interruption.
    """

    accuracy: float
    accuracy_at_start: float
    size_bytes: Callable[[], int]
    epoch: int
