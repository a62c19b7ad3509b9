"""Ternary weights: minus one value, zero, or that value."""

from typing import Annotated, Literal

import torch
from torch import Tensor

from compression.catalog import Knob
from compression.errors import DataError
from compression.quantization import QUANTIZATION
from compression.quantization.groups import grouped
from compression.quantization.thresholds import BITS, Thresholds
from compression.texts import gettext
from compression.texts import mark as _

SHARE_OF_MEAN = 0.7


@QUANTIZATION.register(title=_("Ternary"), source="Li & Liu 2016, arXiv:1605.04711, section 2", refines=False, by_threshold=True)
def ternary(
    weight: Tensor,
    *,
    bits: Annotated[int, Knob(_("Three values take 2 bits"), low=BITS, high=BITS, step=1)] = BITS,
    group: Annotated[
        Literal["tensor", "channel"], Knob(_("One scale for the whole layer, or for each output channel"))
    ] = "channel",
) -> Thresholds:
    """Gives each weight one of three values: minus a scale, zero, or the scale.

    Weights become zero up to a threshold of 0.7 times the mean |weight|; the scale is the mean |weight| of the others. Weights
    (1, -0.2, 0.5, -0.9): mean 0.65, threshold 0.455, scale (1 + 0.5 + 0.9) / 3 = 0.8, that is (0.8, 0, 0.8, -0.8).

    Differs: weights that are exactly zero (pruned) do not count in the mean. Scale and threshold stay in place while the network
    is trained on; there the published method takes them anew in each step. One scale a channel is the default; there it is one
    a layer.

    Raises:
        DataError: weights that are not finite numbers.
    """
    if not torch.isfinite(weight).all():
        raise DataError(gettext("These weights are not all finite numbers, so they cannot be quantized."))
    sizes = grouped(weight.detach(), group).abs()
    threshold = SHARE_OF_MEAN * _mean(sizes, sizes > 0)
    scale = _mean(sizes, sizes > threshold[:, None])
    scale = torch.where(scale > 0, scale, torch.ones_like(scale))
    levels, zero = torch.empty_like(weight, dtype=torch.int32), torch.zeros_like(scale, dtype=torch.int32)
    return Thresholds(levels, scale, zero, BITS, -1, 1, threshold=threshold).nearest(weight.detach())


def _mean(sizes: Tensor, counted: Tensor) -> Tensor:
    """Return of each row the mean of what counts, (rows,); zero where nothing does."""
    return (sizes * counted).sum(1) / counted.sum(1).clamp(min=1)
