"""How many times smaller, faster or fewer: one quantity compared with itself, and nothing where it hardly differs."""

from collections.abc import Mapping
from typing import Any

from compression.charts.numbers import format_ratio
from compression.roles import role_title
from compression.texts import gettext as _

NOTABLE = 1.05
NOTABLY_FASTER = 1.15  # between two calls' medians on a busy machine


def savings(models: Mapping[str, Any], titles: Mapping[str, str] | None = None) -> str:
    """Return by how much the file and the latency of the network that was made differ from those of the one it is made from.

    Args:
        titles: names of roles that are not the usual ones.
    """
    whom = role_title("teacher", titles).lower()
    for before, after, whose in (
        ("teacher", "student", _("Student against its {whom}: {told}.")),
        ("original", "compressed", _("Compressed against the original: {told}.")),
    ):
        if before in models and after in models:
            return whose.format(whom=whom, told=", ".join(_compared(models[before], models[after])))
    return ""


def _compared(before: Mapping[str, Any], after: Mapping[str, Any]) -> list[str]:
    size = ratio_text(before["size_bytes"], after["size_bytes"], NOTABLE, _("file {ratio} smaller"), _("file {ratio} larger"))
    told = [size or _("a file of the same size")]
    took, takes = ((model.get("latency_ms") or {}).get("median") for model in (before, after))
    if any((model.get("latency_ms") or {}).get("simulated") for model in (before, after)):
        told.append(_("latency simulated"))
    elif took and takes:
        words = _("{ratio} faster (latency measured)"), _("{ratio} slower (latency measured)")
        told.append(ratio_text(took, takes, NOTABLY_FASTER, *words) or _("as fast (latency measured)"))
    return told


def ratio_text(before: float | None, after: float, notable: float, less: str, more: str) -> str:
    """Return how many times a number is less or more than before, the same quantity; nothing where it hardly differs."""
    if not before or not after or 1 / notable < before / after < notable:
        return ""
    return less.format(ratio=format_ratio(before / after)) if before > after else more.format(ratio=format_ratio(after / before))
