"""Uniform quantization: levels at even distances."""

from typing import Annotated, Literal

import torch
from torch import Tensor

from compression.catalog import Knob
from compression.errors import DataError
from compression.quantization import QUANTIZATION
from compression.quantization.even_grid import EvenGrid
from compression.quantization.groups import Group, grouped
from compression.quantization.scale_search import ScaleSearch
from compression.texts import gettext
from compression.texts import mark as _


@QUANTIZATION.register(
    title=_("Uniform"),
    source="Jacob et al. 2018, arXiv:1712.05877, section 2.1; 1 bit: Rastegari et al. 2016, arXiv:1603.05279, eq. 6; "
    "clip: Nagel et al. 2021, arXiv:2106.08295, section 3.1; groups: Shen et al. 2020, arXiv:1909.05840",
)
def uniform(
    weight: Tensor,
    *,
    bits: Annotated[int, Knob(_("How many bits a weight has: 4 bits tell 15 or 16 values apart"), low=1, high=16, step=1)] = 4,
    scheme: Annotated[
        Literal["symmetric", "asymmetric"],
        Knob(_("Symmetric grids are centred at zero; asymmetric ones reach from the smallest to the largest weight")),
    ] = "symmetric",
    group: Annotated[
        Literal["tensor", "channel", 16, 32, 64, 128, 256],
        Knob(_("One scale for the whole layer, for each output channel, or for so many weights of a channel")),
    ] = "channel",
    clip: Annotated[
        Literal["mse", "minmax"],
        Knob(_("How far the grid reaches: to where the squared error is least, clipping outliers, or to the largest weight")),
    ] = "mse",
) -> EvenGrid:
    """Rounds each weight to the nearest of evenly spaced levels; zero stays exactly zero.

    Reaching to the largest weight (`minmax`). Symmetric: scale = largest |weight| / (2^(bits-1) - 1). Weights (-6, 2, 0.9)
    with 3 bits: scale 2, levels (-3, 1, 0), that is (-6, 2, 0). Asymmetric: scale = (largest - smallest) / (2^bits - 1), the
    range widened to hold zero. The same weights with 3 bits: scale 8/7, zero point 5, levels (0, 7, 6), that is (-5.714,
    2.286, 1.143). With the least squared error (`mse`), symmetric, 2 bits: weights (2, 1, 1, -1) become (1.25, 1.25, 1.25,
    -1.25), where `minmax` gives (2, 0, 0, 0). One symmetric bit is always the sign times the mean |weight|, which has the least
    error: here (-2.967, 2.967, 2.967).

    Groups of so many weights (Shen et al. 2020, arXiv:1909.05840): a channel's weights are cut in their order
    into runs of that length, the last of which may be shorter.

    Differs: with one symmetric bit, weights that are exactly zero (pruned) stay zero and do not count in the mean.

    Raises:
        DataError: weights that are not finite numbers.
    """
    if not torch.isfinite(weight).all():
        raise DataError(gettext("These weights are not all finite numbers, so they cannot be quantized."))
    return _grid(weight.detach(), bits, scheme == "symmetric", clip, group).nearest(weight.detach())


def _grid(weight: Tensor, bits: int, symmetric: bool, clip: str, group: Group) -> EvenGrid:
    """Return the grid for a weight; its levels are yet to be set."""
    rows = grouped(weight, group)
    high = max(2 ** (bits - 1) - 1, 1) if symmetric else 2**bits - 1
    low = -high if symmetric else 0
    scale, zero_point = _symmetric(rows, bits, high) if symmetric else _asymmetric(rows, high)
    if clip == "mse" and not (symmetric and bits == 1):
        search = ScaleSearch(rows, scale, zero_point, low=low, high=high)
        scale, zero_point = search.run() if symmetric else search.run(shifts=(0, -1, 1))
    cut = isinstance(group, int) and len(rows) > len(weight)
    levels = torch.empty_like(weight, dtype=torch.int32)
    return EvenGrid(levels, scale, zero_point, bits, low, high, group=group if cut else "channel")


def _symmetric(rows: Tensor, bits: int, high: int) -> tuple[Tensor, Tensor]:
    sizes = rows.abs()
    scale = sizes.sum(1) / rows.count_nonzero(1).clamp(min=1) if bits == 1 else sizes.amax(1) / high
    return _positive(scale), torch.zeros_like(scale, dtype=torch.int32)


def _asymmetric(rows: Tensor, high: int) -> tuple[Tensor, Tensor]:
    smallest, largest = rows.amin(1).clamp(max=0), rows.amax(1).clamp(min=0)
    scale = _positive((largest - smallest) / high)
    return scale, (-smallest / scale).round().clamp(0, high).to(torch.int32)


def _positive(scale: Tensor) -> Tensor:
    """Return scales without zeros: a group whose weights are all zero gets the scale 1."""
    return torch.where(scale > 0, scale, torch.ones_like(scale))
