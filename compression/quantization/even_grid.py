"""Levels at even distances, with one scale and zero point a group of weights."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from math import prod
from typing import Any, Self

import torch
from torch import Tensor

from compression.quantization.groups import Group, groups_of, spread
from compression.quantization.quantized import FLOAT_BITS, Quantized, Record


@dataclass(frozen=True)
class EvenGrid(Quantized):
    """Integer levels on an even grid: weight = (level - zero point) x scale.

    One symmetric bit has the levels -1 and 1, and 0 only where a weight is exactly zero.

    Attributes:
        scale: the weight's type, (groups,); above zero.
        zero_point: int32, the scale's shape; the level of weight 0.
        low: the lowest level; the highest is `high`.
        high: the highest level.
        group: how many weights of a channel share a scale, less than all; "channel" also where there is one scale for all.
    """

    levels: Tensor
    scale: Tensor
    zero_point: Tensor
    bits: int
    low: int
    high: int
    pruned: bool = False
    group: Group = "channel"

    kind = "even"

    @property
    def binary(self) -> bool:
        """Tell whether the grid has the two levels -1 and 1 alone, without one for zero."""
        return self.bits == 1 and self.low == -1

    def dequantize(self) -> Tensor:
        """Return the weights that the levels stand for."""
        # In place, so that large layers need no third copy; levels of 16 bits are exact in single precision.
        steps = self.levels.to(self.scale.dtype).sub_(self._spread(self.zero_point))
        return steps.mul_(self._spread(self.scale))

    def nearest(self, weight: Tensor) -> Self:
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

    def masked(self, mask: Tensor) -> Self:
        """Return the same with exact zeros where the mask is False."""
        return replace(self, levels=torch.where(mask, self.levels, self._spread(self.zero_point)))

    def narrowed(self, axis: int, stay: Tensor) -> Self:
        """Return the same of some outputs (axis 0) or some inputs (axis 1) alone; runs of inputs cannot be cut."""
        levels, channels = self.levels.index_select(axis, stay), len(self.levels)
        if axis:
            if isinstance(self.group, int):
                raise ValueError("runs of weights that share a scale cross the inputs")
            return replace(self, levels=levels)
        if self.group == "channel" and len(self.scale) != channels:
            return replace(self, levels=levels)
        scale, zero_point = (one.view(channels, -1)[stay].flatten() for one in (self.scale, self.zero_point))
        return replace(self, levels=levels, scale=scale, zero_point=zero_point)

    @property
    def zero(self) -> Tensor:
        """Return where the level is the zero point, bool."""
        return self.levels == self._spread(self.zero_point)

    @property
    def numbers(self) -> Tensor:
        """Return the levels counted from the lowest; of one symmetric bit 0 for -1 and 1 for 1."""
        return torch.div(self.levels + 1, 2, rounding_mode="floor") if self.binary else self.levels - self.low

    @property
    def unnumbered(self) -> Tensor:
        """Return the zeros of one symmetric bit, bool; every other grid has a level for zero."""
        return self.zero & self.binary

    def record(self) -> dict[str, Any]:
        """Return what a file says of the grid."""
        own = {"bits": self.bits, "low": self.low, "scales": len(self.scale)}
        return own | ({"group": self.group} if isinstance(self.group, int) else {})

    def tables(self) -> dict[str, Tensor]:
        """Return scales and, where the lowest level is 0, zero points."""
        return {"scales": self.scale} | ({"zero_points": self.zero_point} if self.low == 0 else {})

    @staticmethod
    def table_sizes(record: Record) -> dict[str, tuple[int, int]]:
        """Return how many scales and zero points there are, and their bits."""
        scales = record["scales"]
        return {"scales": (scales, FLOAT_BITS)} | ({"zero_points": (scales, record["bits"])} if record["low"] == 0 else {})

    @staticmethod
    def check(record: Record) -> None:
        """See that a file's record makes sense."""
        shape, group = record["shape"], record.get("group", "channel")
        if group != "channel" and (type(group) is not int or not 1 <= group < prod(shape[1:])):
            raise ValueError("no such group")
        possible = {groups_of(shape, group)[0]} | ({1} if group == "channel" else set())
        if record["scales"] not in possible:
            raise ValueError("scales that do not go with the tensor")
        if record["low"] not in (0, -max(2 ** (record["bits"] - 1) - 1, 1)):
            raise ValueError("no such grid")

    @classmethod
    def from_file(cls, record: Record, positions: Sequence[int] | slice, numbers: Tensor, tables: Mapping[str, Tensor]) -> Self:
        """Return the grid that was written."""
        bits, low, shape = record["bits"], record["low"], record["shape"]
        high = -low if low else 2**bits - 1
        zero_point = tables.get("zero_points", torch.zeros(record["scales"], dtype=torch.int32))
        grid = cls(torch.empty(0), tables["scales"], zero_point, bits, low, high, group=record.get("group", "channel"))
        found = 2 * numbers - 1 if grid.binary else numbers + low
        if len(found) and found.max() > high:
            raise ValueError("a level above the highest")
        levels = spread(zero_point, shape, grid.group).expand(shape).clone()
        levels.view(-1)[positions] = found
        return replace(grid, levels=levels)

    def _spread(self, values: Tensor) -> Tensor:
        return spread(values, self.levels.shape, self.group)
