"""Levels at any distances: the weights of a group are those of its codebook."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

from compression.quantization.quantized import FLOAT_BITS, Quantized, Record

ZERO = -1


@dataclass(frozen=True)
class Codebook(Quantized):
    """Indices into a codebook, one of the whole layer or one a channel; -1 stands for exactly zero, which takes no code.

    Attributes:
        codes: the weight's type, (groups, codes), ascending; a group with fewer codes repeats its last.
    """

    levels: Tensor
    codes: Tensor
    bits: int
    pruned: bool = False

    kind = "codebook"

    def dequantize(self) -> Tensor:
        """Return the weights that the indices stand for."""
        rows = self._rows(self.levels)
        return self.codes.gather(1, rows.clamp(min=0).long()).masked_fill_(rows == ZERO, 0).view(self.levels.shape)

    def nearest(self, weight: Tensor) -> Self:
        """Return another weight of the same shape on this codebook; exact zeros stay zeros, halfway takes the lower code."""
        rows = self._rows(weight)
        between = (self.codes[:, 1:] + self.codes[:, :-1]) / 2
        levels = torch.searchsorted(between.contiguous(), rows.contiguous(), out_int32=True).masked_fill_(rows == 0, ZERO)
        return replace(self, levels=levels.view(weight.shape))

    def covers(self, weight: Tensor) -> Tensor:
        """Return where another weight lies within half a mean step of the lowest to highest code, bool; one code covers all."""
        low, high = self.codes[:, :1], self.codes[:, -1:]
        margin = (high - low) / 2 / max(self.codes.shape[1] - 1, 1)
        rows = self._rows(weight)
        return ((rows >= low - margin) & (rows <= high + margin) | (low == high)).view(weight.shape)

    def masked(self, mask: Tensor) -> Self:
        """Return the same with exact zeros where the mask is False."""
        return replace(self, levels=self.levels.masked_fill(~mask, ZERO))

    def narrowed(self, axis: int, stay: Tensor) -> Self:
        """Return the same of some outputs (axis 0) or some inputs (axis 1) alone."""
        own = not axis and len(self.codes) == len(self.levels)
        return replace(self, levels=self.levels.index_select(axis, stay), codes=self.codes[stay] if own else self.codes)

    @property
    def zero(self) -> Tensor:
        """Return where a weight is zero without a code, bool."""
        return self.levels == ZERO

    @property
    def numbers(self) -> Tensor:
        """Return the indices."""
        return self.levels

    @property
    def unnumbered(self) -> Tensor:
        """Return where a weight is zero without a code, bool."""
        return self.zero

    def record(self) -> dict[str, Any]:
        """Return what a file says of the codebooks."""
        return {"kind": self.kind, "bits": self.bits, "books": self.codes.shape[0], "codes": self.codes.shape[1]}

    def tables(self) -> dict[str, Tensor]:
        """Return the codebooks."""
        return {"codes": self.codes}

    @staticmethod
    def table_sizes(record: Record) -> dict[str, tuple[int, int]]:
        """Return how many codes there are, and their bits."""
        return {"codes": (record["books"] * record["codes"], FLOAT_BITS)}

    @staticmethod
    def check(record: Record) -> None:
        """See that a file's record makes sense."""
        if type(record["codes"]) is not int or not 1 <= record["codes"] <= 2 ** record["bits"]:
            raise ValueError("more codes than the bits can tell apart")
        if record["books"] not in (1, record["shape"][0] if record["shape"] else 1):
            raise ValueError("codebooks that do not go with the tensor")

    @classmethod
    def from_file(cls, record: Record, positions: Sequence[int] | slice, numbers: Tensor, tables: Mapping[str, Tensor]) -> Self:
        """Return the codebooks and indices that were written."""
        if len(numbers) and numbers.max() >= record["codes"]:
            raise ValueError("an index beyond the codebook")
        levels = torch.full(record["shape"], ZERO, dtype=torch.int32)
        levels.view(-1)[positions] = numbers
        return cls(levels, tables["codes"].view(record["books"], record["codes"]), record["bits"])

    def _rows(self, values: Tensor) -> Tensor:
        return values.reshape(len(self.codes), -1)
