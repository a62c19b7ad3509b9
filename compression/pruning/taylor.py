"""Pruning by the first-order Taylor expansion of the loss."""

from typing import Annotated

from torch import Tensor

from compression.catalog import Knob
from compression.pruning import PRUNING
from compression.pruning.layer_facts import MOST_IMAGES, LayerFacts
from compression.texts import mark as _


@PRUNING.register(title=_("Taylor"), source="Molchanov et al. 2019, arXiv:1906.10771, section 3.1", needs=("gradient",))
def taylor(
    layer: LayerFacts,
    *,
    images: Annotated[
        int,
        Knob(_("Gradients come from the first so many training images"), low=32, high=MOST_IMAGES, step=32, unit="images"),
    ] = 256,
    batch_size: Annotated[
        int, Knob(_("Images whose gradients are averaged before they are squared"), low=1, high=256, step=1, unit="images")
    ] = 32,
) -> Tensor:
    """Keeps the weights without which the loss would change most, to first order: (gradient x weight) squared.

    The gradient is that of a mini-batch; scores are means over the mini-batches. Weights (2, -3) whose gradients are (1, 0.5)
    on one mini-batch and (-2, 0) on another score ((2² + 4²) / 2, (1.5² + 0²) / 2) = (10, 1.125).

    Differs: gradients are taken in evaluation mode and once, not while the network is trained on.

    Returns:
        Scores of the weight's shape; the highest are kept.
    """
    return layer.gradient(images, batch_size).mean_square * layer.weight.square()
