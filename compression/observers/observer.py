"""What every observer does, and the grid that it leads to."""

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Self

import torch
from torch import Tensor

FEWEST_BITS, MOST_BITS = 2, 16
SMALLEST_SCALE = torch.finfo(torch.float32).tiny


@dataclass(frozen=True)
class ActivationGrid:
    """Even levels for all values of a layer's input: value = (level - zero point) x scale, levels 0 to 2^bits - 1.

    Attributes:
        scale: above zero, a float32.
        zero_point: the level of exactly zero.
    """

    bits: int
    scale: float
    zero_point: int

    def __post_init__(self) -> None:
        """See that the numbers make a grid.

        Raises:
            ValueError: they do not.
        """
        whole = type(self.bits) is int and type(self.zero_point) is int
        if not whole or not FEWEST_BITS <= self.bits <= MOST_BITS or not 0 <= self.zero_point <= self.top:
            raise ValueError("no such grid")
        if type(self.scale) is not float or not 0 < self.scale < math.inf:
            raise ValueError("a scale that is not above zero")

    @classmethod
    def covering(cls, low: float, high: float, bits: int) -> Self:
        """Return the grid from one value to another, widened to hold zero and moved by half a step at most to hit it.

        Source: Jacob et al. 2018, arXiv:1712.05877, section 3, equation 13.
        """
        ends = torch.tensor([min(low, 0.0), max(high, 0.0)])
        width = ends[1] - ends[0]
        scale = (width / (2**bits - 1)).clamp(min=SMALLEST_SCALE) if width > 0 else torch.ones(())
        return cls(bits, float(scale), int((-ends[0] / scale).round().clamp(0, 2**bits - 1)))

    @property
    def top(self) -> int:
        """Return the highest level."""
        return 2**self.bits - 1

    @property
    def low(self) -> float:
        """Return the value of the lowest level."""
        return -self.zero_point * self.scale

    @property
    def high(self) -> float:
        """Return the value of the highest level."""
        return (self.top - self.zero_point) * self.scale

    def fake_quantize(self, values: Tensor) -> Tensor:
        """Return the values rounded to the nearest level, or clipped to the last, as float.

        The gradient passes unchanged where a value is not clipped, and is zero elsewhere (straight-through estimator).
        """
        return torch.fake_quantize_per_tensor_affine(values, self.scale, self.zero_point, 0, self.top)


class Observer(ABC):
    """Watches one layer: `see` is called with its input for each batch of calibration images, then `grid` once or more."""

    @abstractmethod
    def see(self, values: Tensor) -> None:
        """Take note of a batch of inputs, float of any shape, finite, without gradients; they must not be changed."""

    @abstractmethod
    def grid(self, bits: int) -> ActivationGrid:
        """Return the grid of so many bits for what was seen; nothing is forgotten."""
