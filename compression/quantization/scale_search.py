"""The scale at which an even grid rounds weights with the least squared error."""

import torch
from torch import Tensor

SHARES = tuple(0.8**power for power in range(16))  # of the scale that reaches the largest weight: 1 down to 1/28
REFINEMENTS = 4


class ScaleSearch:
    """For each row the best scale and zero point found so far; it begins with those given and never gets worse.

    Args:
        rows: (channels, weights), float.
        scale: (channels,), above zero.
        zero_point: int32 (channels,), the level of weight 0.
        low: the lowest level.
        high: the highest level.
    """

    def __init__(self, rows: Tensor, scale: Tensor, zero_point: Tensor, *, low: int, high: int) -> None:
        self.rows, self.low, self.high = rows, low, high
        self.scale, self.zero_point = scale, zero_point
        self.error = self._error(self._steps(scale, zero_point), scale)

    def run(self, shifts: tuple[int, ...] = (0,)) -> tuple[Tensor, Tensor]:
        """Return the scale and the zero point found, trying zero points that are shifted by whole levels too.

        Each share of the first scale is tried; from the best, scale and levels are fitted in turn: with the levels held, the
        best scale is (weights · steps) / (steps · steps), where steps are levels less the zero point.
        """
        first = self.scale
        for share in SHARES[1:]:
            self._take_if_better(first * share, self.zero_point)
        scale, middle = self.scale, self.zero_point
        for shift in shifts:
            self._refine(scale, (middle + shift).clamp(self.low, self.high))
        return self.scale, self.zero_point

    def _refine(self, scale: Tensor, zero_point: Tensor) -> None:
        for _round in range(REFINEMENTS):
            steps = self._steps(scale, zero_point)
            fitted = (self.rows * steps).sum(1) / steps.square().sum(1)
            scale = torch.where(torch.isfinite(fitted) & (fitted > 0), fitted, scale)
            self._take_if_better(scale, zero_point)

    def _take_if_better(self, scale: Tensor, zero_point: Tensor) -> None:
        error = self._error(self._steps(scale, zero_point), scale)
        better = error < self.error
        self.error = torch.where(better, error, self.error)
        self.scale = torch.where(better, scale, self.scale)
        self.zero_point = torch.where(better, zero_point, self.zero_point)

    def _steps(self, scale: Tensor, zero_point: Tensor) -> Tensor:
        """Return each weight in steps of the scale, rounded and clipped at the ends of the grid."""
        zero_point = zero_point[:, None]
        return torch.clamp((self.rows / scale[:, None]).round(), self.low - zero_point, self.high - zero_point)

    def _error(self, steps: Tensor, scale: Tensor) -> Tensor:
        return (steps * scale[:, None] - self.rows).square().sum(1)
