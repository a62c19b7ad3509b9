"""A quantized weight: integer levels and the numbers that turn them back into weights."""

from dataclasses import dataclass, replace

import torch
from torch import Tensor


@dataclass(frozen=True)
class Quantized:
    """Integer levels on an even grid: weight = (level - zero point) x scale.

    One symmetric bit has the levels -1 and 1, and 0 only where a weight is exactly zero.

    Attributes:
        levels: int32, the weight's shape.
        scale: the weight's type, (channels,) or (1,); above zero.
        zero_point: int32, the scale's shape; the level of weight 0.
        bits: 1 to 16.
        low: the lowest level; the highest is `high`.
        high: the highest level.
        pruned: whether weights that are zero were pruned, and stay zero when training goes on.
    """

    levels: Tensor
    scale: Tensor
    zero_point: Tensor
    bits: int
    low: int
    high: int
    pruned: bool = False

    @property
    def binary(self) -> bool:
        """Tell whether the grid has the two levels -1 and 1 alone, without one for zero."""
        return self.bits == 1 and self.low == -1

    def dequantize(self) -> Tensor:
        """Return the weights that the levels stand for."""
        # In place, so that large layers need no third copy; levels of 16 bits are exact in single precision.
        steps = self.levels.to(self.scale.dtype).sub_(self._spread(self.zero_point))
        return steps.mul_(self._spread(self.scale))

    def nearest(self, weight: Tensor) -> "Quantized":
        """Return another weight of the same shape on this grid: rounded half to even, clipped at its ends."""
        zero_point = self._spread(self.zero_point)
        if self.binary:
            levels = weight.sign()
        else:
            levels = ((weight / self._spread(self.scale)).round() + zero_point).clamp(self.low, self.high)
        return replace(self, levels=levels.to(torch.int32))

    def covers(self, weight: Tensor) -> Tensor:
        """Return where another weight lies within half a step of the grid's lowest to highest level, bool.

        One symmetric bit keeps the sign alone, however large a weight is: it covers all weights.
        """
        if self.binary:
            return torch.ones_like(weight, dtype=torch.bool)
        steps = weight / self._spread(self.scale) + self._spread(self.zero_point)
        return (steps >= self.low - 0.5) & (steps <= self.high + 0.5)

    def masked(self, mask: Tensor) -> "Quantized":
        """Return the same with exact zeros where the mask is False."""
        return replace(self, levels=torch.where(mask, self.levels, self._spread(self.zero_point)))

    def to(self, device: torch.device | str) -> "Quantized":
        """Return the same on another device."""
        tensors = {name: getattr(self, name).to(device) for name in ("levels", "scale", "zero_point")}
        return replace(self, **tensors)

    def _spread(self, per_channel: Tensor) -> Tensor:
        """Reshape (channels,) to (channels, 1, …), to go with the weight."""
        return per_channel.view(-1, *[1] * (self.levels.dim() - 1)) if self.levels.dim() else per_channel.view(())
