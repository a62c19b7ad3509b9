"""Stopping where accuracy has dropped."""

from typing import Annotated

from compression.catalog import Knob
from compression.hooks import Stop
from compression.targets import TARGETS
from compression.targets.reached import Reached
from compression.texts import mark as _

ROUNDING = 1e-9


@TARGETS.register(title=_("Accuracy has dropped"), source="")
def accuracy_drop(
    reached: Reached,
    *,
    points: Annotated[
        float, Knob(_("Validation accuracy that may be lost since the step began: 0.01 is a point"), low=0, high=1, step=0.005)
    ] = 0.01,
) -> Stop | None:
    """Stops where validation accuracy has dropped by more than so much, and goes back to the epoch before.

    From 0.95, 0.93 is a drop of two points: with `points` 0.01 the step stops, with 0.02 it goes on.
    """
    return "before" if reached.accuracy < reached.accuracy_at_start - points - ROUNDING else None
