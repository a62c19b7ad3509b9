"""The observer of the extremes."""

from torch import Tensor

from compression.observers import OBSERVERS
from compression.observers.observer import ActivationGrid, Observer
from compression.texts import mark as _


@OBSERVERS.register(name="minmax", title=_("Min-max"), source="Krishnamoorthi 2018, arXiv:1806.08342, section 2.1")
class MinMax(Observer):
    """Reaches from the smallest to the largest value seen, so that hardly anything is clipped on the calibration images.

    By half a step at most, since zero is one of the levels.

    After batches (-1, 2) and (0.5, 3) with 2 bits: from -1 to 3, scale 4/3, zero point 1, levels at (-4/3, 0, 4/3, 8/3).
    """

    def __init__(self) -> None:
        """Begin with zero, which every grid holds."""
        self.low = self.high = 0.0

    def see(self, values: Tensor) -> None:
        """Widen the range to hold all values."""
        low, high = values.aminmax()
        self.low, self.high = min(self.low, float(low)), max(self.high, float(high))

    def grid(self, bits: int) -> ActivationGrid:
        """Return the grid over the whole range."""
        return ActivationGrid.covering(self.low, self.high, bits)
