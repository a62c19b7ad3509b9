"""What a pruning criterion may look at: one layer's weight and, on demand, what data says of it."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor

MOST_IMAGES = 1024  # training images that facts may come from: previews hold no more


@dataclass(frozen=True)
class Gradient:
    """The gradient of the task's loss with respect to one layer's weight, in evaluation mode, float like the weight.

    Attributes:
        mean: over the images.
        mean_square: the mean over mini-batches of the square of each mini-batch's gradient.
    """

    mean: Tensor
    mean_square: Tensor


def _undeclared(*_given: int) -> Tensor:
    raise LookupError("a criterion names the facts that it asks for: @PRUNING.register(…, needs=(…))")


@dataclass(frozen=True)
class LayerFacts:
    """One layer as criteria see it; all but the weight is there for those that name it in their trait `needs`.

    Data are the first training images, at most `MOST_IMAGES`, and all of them where there are fewer.

    Attributes:
        name: the weight's parameter name, different for every layer of a network.
        weight: (out, in, …), before rounding; zero where it is pruned for good.
        gradient: for (images, batch_size), the `Gradient`.
        input_norm: for (images), the L2 norm of each input feature over images and positions, to broadcast over the weight.
        norm_scale: the scale (out,) of the normalization that follows the layer; ones where there is none.
    """

    name: str
    weight: Tensor
    gradient: Callable[[int, int], Gradient] = _undeclared
    input_norm: Callable[[int], Tensor] = _undeclared
    norm_scale: Callable[[], Tensor] = _undeclared
