"""What a step of a compression pipeline adds to its training."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Literal

from torch import Tensor, nn

Stop = Literal["here", "before"]


@dataclass(frozen=True)
class Hooks:
    """Functions that the training loop calls.

    What they change must lie in the network's `state_dict`, which is what a checkpoint holds: then a training that goes on from
    one ends with the same numbers.

    Attributes:
        after_step: called after each step of the optimizer with its number from 1 on and the number of all steps.
        penalty: gives a 0-d tensor for the network, which each step adds to the loss as the term `penalty`.
        stop_when: called with the number of each epoch, from 1 on, and its values; "here" ends the training, "before" ends it
            with the network as it was an epoch earlier, None goes on. Its answer depends on these and the network alone.
        gradient_epochs: the epochs whose last step also measures the gradients of labels and teacher, see `gradients`.
    """

    after_step: Callable[[int, int], None] | None = None
    penalty: Callable[[nn.Module], Tensor] | None = None
    stop_when: Callable[[int, dict[str, float]], Stop | None] | None = None
    gradient_epochs: frozenset[int] = frozenset()
