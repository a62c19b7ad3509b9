"""The numbers in which networks compute while they train: their names, and what people read of the choice."""

from collections.abc import Mapping
from typing import Any

from compression.texts import gettext as _

FLOAT32, BFLOAT16, AUTOMATIC = "float32", "bfloat16", "automatic"
ENOUGH = 1.1  # times as fast as float32, from where bfloat16 pays


def sentence(found: Mapping[str, Any]) -> str:
    """Return in which precision a run trains, and why, from what its result says."""
    told = {"used": found["used"], "speedup": found["speedup"], "enough": ENOUGH}
    if found["asked"] != AUTOMATIC:
        slow = _("Training in {used}, as asked; this device has no instructions for it, and is slower so.")
        return (_("Training in {used}, as asked.") if found["native"] else slow).format(**told)
    if not found["native"]:
        return _("Training in float32: this device has no instructions for bfloat16.")
    if found["used"] == BFLOAT16:
        return _("Training in bfloat16: steps were {speedup:.2f} times as fast as in float32.").format(**told)
    several = _("Training in float32: steps in bfloat16 were {speedup:.2f} times as fast, less than {enough:g} times.")
    return several.format(**told)
