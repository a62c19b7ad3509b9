"""The observer of typical extremes."""

from typing import Annotated

from torch import Tensor

from compression.catalog import Knob
from compression.observers import OBSERVERS
from compression.observers.observer import ActivationGrid, Observer
from compression.texts import mark as _


@OBSERVERS.register(
    name="moving_average",
    title=_("Moving average of min and max"),
    source="Jacob et al. 2018, arXiv:1712.05877, section 3.1",
    clips=True,
)
class MovingAverage(Observer):
    """Reaches to where the extremes of a batch usually lie: rare outliers are clipped, and the levels lie closer.

    After batches (-1, 2) and (0, 4) with rate 0.25: from -0.75 to 2.5.

    Differs: the range is that of calibration images in evaluation mode, not one followed during training.
    """

    def __init__(
        self,
        *,
        rate: Annotated[
            float,
            Knob(_("How far each batch of 32 images moves the range towards its own extremes"), low=0.01, high=1, step=0.01),
        ] = 0.1,
    ) -> None:
        """Begin with the first batch's extremes."""
        self.rate = rate
        self.range: tuple[float, float] | None = None

    def see(self, values: Tensor) -> None:
        """Move both ends towards those of a batch."""
        new = tuple(map(float, values.aminmax()))
        low, high = self.range or new
        self.range = low + self.rate * (new[0] - low), high + self.rate * (new[1] - high)

    def grid(self, bits: int) -> ActivationGrid:
        """Return the grid over the averaged range."""
        return ActivationGrid.covering(*(self.range or (0.0, 0.0)), bits)
