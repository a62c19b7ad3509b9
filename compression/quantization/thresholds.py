"""Three values, minus one scale, zero and one scale: which of them a weight becomes, thresholds say."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Self

import torch
from torch import Tensor

from compression.quantization.even_grid import EvenGrid
from compression.quantization.quantized import FLOAT_BITS, Record

BITS = 2


@dataclass(frozen=True)
class Thresholds(EvenGrid):
    """The levels -1, 0 and 1 of an even grid, reached by a threshold in place of rounding.

    Attributes:
        threshold: the weight's type, the scale's shape: a weight that is no further from zero becomes zero.
    """

    threshold: Tensor = field(default_factory=lambda: torch.zeros(0))

    kind = "thresholds"

    def nearest(self, weight: Tensor) -> Self:
        """Return another weight of the same shape with these scales and thresholds."""
        beyond = weight.abs() > self._spread(self.threshold)
        return replace(self, levels=(weight.sign() * beyond).to(torch.int32))

    def narrowed(self, axis: int, stay: Tensor) -> Self:
        """Return the same of some outputs (axis 0) or some inputs (axis 1) alone."""
        own = not axis and len(self.threshold) == len(self.levels)
        return replace(super().narrowed(axis, stay), threshold=self.threshold[stay] if own else self.threshold)

    def record(self) -> dict[str, Any]:
        """Return what a file says of the levels."""
        return {"kind": self.kind, **super().record()}

    def tables(self) -> dict[str, Tensor]:
        """Return scales and thresholds."""
        return {"scales": self.scale, "thresholds": self.threshold}

    @staticmethod
    def table_sizes(record: Record) -> dict[str, tuple[int, int]]:
        """Return how many scales and thresholds there are, and their bits."""
        return dict.fromkeys(("scales", "thresholds"), (record["scales"], FLOAT_BITS))

    @staticmethod
    def check(record: Record) -> None:
        """See that a file's record makes sense."""
        EvenGrid.check(record)
        if (record["bits"], record["low"], record.get("group")) != (BITS, -1, None):
            raise ValueError("no three levels")

    @classmethod
    def from_file(cls, record: Record, positions: Sequence[int] | slice, numbers: Tensor, tables: Mapping[str, Tensor]) -> Self:
        """Return the levels, scales and thresholds that were written."""
        return replace(super().from_file(record, positions, numbers, tables), threshold=tables["thresholds"])
