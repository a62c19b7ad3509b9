"""What every quantized weight can do, whatever stands between its levels and its weights."""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, ClassVar, Self

import torch
from torch import Tensor

FLOAT_BITS = 32

Record = Mapping[str, Any]


class Quantized(ABC):
    """A weight as whole numbers of a few bits, and tables that turn these back into weights; a frozen dataclass.

    A kind is one subclass. Its `record` says what a file's reader needs beside the numbers, its `tables` what lies in the file
    after them; `table_sizes`, `check` and `from_file` are the way back.

    Attributes:
        kind: what the file's record calls it.
        levels: int32, the weight's shape.
        bits: 1 to 16, what each number takes in a file.
        pruned: whether weights that are zero were pruned, and stay zero when training goes on.
    """

    kind: ClassVar[str]
    levels: Tensor
    bits: int
    pruned: bool

    @abstractmethod
    def dequantize(self) -> Tensor:
        """Return the weights that the levels stand for."""

    @abstractmethod
    def nearest(self, weight: Tensor) -> Self:
        """Return another weight of the same shape on the same levels, each value at the nearest, or where the kind's thresholds
        put it; exact zeros may stay zeros.
        """

    @abstractmethod
    def covers(self, weight: Tensor) -> Tensor:
        """Return where another weight lies within the levels' reach, bool: where training's gradient passes the rounding."""

    @abstractmethod
    def masked(self, mask: Tensor) -> Self:
        """Return the same with exact zeros where the mask is False."""

    @abstractmethod
    def narrowed(self, axis: int, stay: Tensor) -> Self:
        """Return the same of some outputs (axis 0) or some inputs (axis 1) alone, int64 positions.

        Raises:
            ValueError: inputs cannot be taken out of its groups.
        """

    @property
    @abstractmethod
    def zero(self) -> Tensor:
        """Return where the level is the one that stands for exactly zero, bool; a file may leave these out."""

    @property
    @abstractmethod
    def numbers(self) -> Tensor:
        """Return what a file holds of each weight: 0 to 2^bits - 1; anything where `unnumbered`."""

    @property
    def unnumbered(self) -> Tensor:
        """Return where a weight is zero and no number says so, bool: a file then has to leave the zeros out."""
        return torch.zeros_like(self.levels, dtype=torch.bool)

    @abstractmethod
    def record(self) -> dict[str, Any]:
        """Return what a file says of the kind, JSON-safe: `bits` among it."""

    @abstractmethod
    def tables(self) -> dict[str, Tensor]:
        """Return the tables that a file holds, in the order of `table_sizes`."""

    @staticmethod
    @abstractmethod
    def table_sizes(record: Record) -> dict[str, tuple[int, int]]:
        """Return how many entries each table has and their bits; `FLOAT_BITS` are a float."""

    @staticmethod
    @abstractmethod
    def check(record: Record) -> None:
        """See that a file's record makes sense; its `shape` and `bits` do already.

        Raises:
            ValueError: it does not.
            KeyError: a field is missing.
        """

    @classmethod
    @abstractmethod
    def from_file(cls, record: Record, positions: Sequence[int] | slice, numbers: Tensor, tables: Mapping[str, Tensor]) -> Self:
        """Return what was written: numbers at the positions, zeros elsewhere.

        Raises:
            ValueError: a number that the record does not allow.
        """

    def to(self, device: torch.device | str) -> Self:
        """Return the same on another device."""
        every = {field.name: getattr(self, field.name) for field in fields(self)}
        return replace(self, **{name: value.to(device) for name, value in every.items() if isinstance(value, Tensor)})
