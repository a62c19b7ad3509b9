"""Stopping where the file is small enough."""

from typing import Annotated

from compression.catalog import Knob
from compression.hooks import Stop
from compression.targets import TARGETS
from compression.targets.reached import Reached
from compression.texts import mark as _

KILOBYTE = 1000


@TARGETS.register(title=_("The file is small enough"), source="")
def file_size(
    reached: Reached,
    *,
    kilobytes: Annotated[
        float, Knob(_("Size of the compact file after the steps that follow"), low=0.1, high=1_000_000, unit="KB")
    ] = 10.0,
) -> Stop | None:
    """Stops at the first epoch after which the file has at most so many kilobytes.

    The file is that of the network as it is, after what the following steps do without training. A file of 9,000 bytes is
    small enough for `kilobytes` 9, one of 9,001 is not.
    """
    return "here" if reached.size_bytes() <= KILOBYTE * kilobytes else None
