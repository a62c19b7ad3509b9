"""Quantization by k-means: the weights of a layer share a few values."""

from typing import Annotated, Literal

import torch
from torch import Tensor

from compression.catalog import Knob
from compression.errors import DataError
from compression.quantization import QUANTIZATION
from compression.quantization.codebook import Codebook
from compression.quantization.groups import grouped
from compression.texts import gettext
from compression.texts import mark as _


@QUANTIZATION.register(title=_("k-means codebook"), source="Han, Mao & Dally 2016, arXiv:1510.00149, section 3")
def kmeans(
    weight: Tensor,
    *,
    bits: Annotated[
        int, Knob(_("How many bits the index of a code has: 4 bits tell 16 codes apart"), low=1, high=16, step=1)
    ] = 4,
    codebook: Annotated[
        Literal["tensor", "channel"], Knob(_("One codebook for the whole layer, or one for each output channel"))
    ] = "tensor",
    start: Annotated[
        Literal["linear", "density"],
        Knob(_("Codes begin evenly between the smallest and the largest weight, or with as many weights each")),
    ] = "linear",
    rounds: Annotated[
        int, Knob(_("At most so many times each code moves to the mean of its weights"), low=0, high=200, step=1)
    ] = 50,
) -> Codebook:
    """Gives the weights of a layer a codebook of shared values, placed by k-means where the weights are.

    Codes begin evenly between the ends and move to the means of the weights nearest to them, until nothing changes. Weights (-4,
    -3, 2, 3, 7) with 1 bit: codes begin at (-4, 7) and end at (-3.5, 4), so that the weights are (-3.5, -3.5, 4, 4, 4).
    Weights that are exactly zero (pruned) stay zero and take no code. A layer with fewer different weights than codes keeps all.

    Differs: codes stay in place while the network is trained on; there the published method moves each by the sum of its
    weights' gradients.

    Raises:
        DataError: weights that are not finite numbers.
    """
    if not torch.isfinite(weight).all():
        raise DataError(gettext("These weights are not all finite numbers, so they cannot be quantized."))
    rows = grouped(weight.detach(), codebook)
    kept = rows != 0
    values = rows.double().masked_fill(~kept, torch.inf).sort(1).values
    counts = kept.sum(1, keepdim=True)
    number = int(min(2**bits, max(int(counts.max()), 1)))
    codes = _lloyd(values, counts, _start(values, counts, number, start), rounds)
    levels = torch.empty_like(weight, dtype=torch.int32)
    return Codebook(levels, codes.to(weight.dtype), max(1, (number - 1).bit_length())).nearest(weight.detach())


def _start(values: Tensor, counts: Tensor, number: int, start: str) -> Tensor:
    """Return the first codes (groups, number) of ascending values, of which the first `counts` of each row are finite."""
    places = torch.arange(number, device=values.device).expand(len(values), -1)
    last = (counts - 1).clamp(min=0)
    if start == "density":
        codes = values.gather(1, ((places + 0.5) * counts / number).long().clamp(max=last))
    else:
        low, high = values[:, :1], values.gather(1, last)
        codes = low + (high - low) * places / max(number - 1, 1)
    codes = torch.where(counts <= number, values.gather(1, places.clamp(max=last)), codes)
    return codes.masked_fill(counts == 0, 0)


def _lloyd(values: Tensor, counts: Tensor, codes: Tensor, rounds: int) -> Tensor:
    """Return the codes after moving each to the mean of the values nearest to it, until none moves; one without values stays."""
    sums = torch.nn.functional.pad(values.masked_fill(torch.isinf(values), 0).cumsum(1), (1, 0))
    for _round in range(rounds):
        between = torch.searchsorted(values, ((codes[:, 1:] + codes[:, :-1]) / 2).contiguous(), right=True)
        ends = torch.cat([torch.zeros_like(counts), torch.minimum(between, counts), counts], 1)
        sizes = ends.diff(dim=1)
        means = sums.gather(1, ends).diff(dim=1) / sizes.clamp(min=1)
        moved = torch.where(sizes > 0, means, codes)
        if torch.equal(moved, codes):
            break
        codes = moved
    return codes
