"""How many times smaller, faster or fewer: one quantity compared with itself, and nothing where it hardly differs."""

from collections.abc import Mapping, Sequence
from typing import Any

from compression.charts.numbers import format_ratio, three_digits
from compression.measure.speed import same_structure, speedup, unreliable
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
            return whose.format(whom=whom, told=", ".join(_compared(models[before], models[after], models)))
    return ""


def _compared(before: Mapping[str, Any], after: Mapping[str, Any], models: Mapping[str, Any]) -> list[str]:
    size = ratio_text(before["size_bytes"], after["size_bytes"], NOTABLE, _("file {ratio} smaller"), _("file {ratio} larger"))
    told = [size or _("a file of the same size")]
    if latency := latency_told(before, after, [*models.values()], _("{told} (latency measured)")):
        told.append(latency)
    return told


def latency_told(
    before: Mapping[str, Any], after: Mapping[str, Any], models: Sequence[Mapping[str, Any]], measured: str = "{told}"
) -> str:
    """Return how many times as fast one role is as another with its interval, or why that is not known; empty if not timed.

    Args:
        before, after: roles as a result describes them, the one compared with first.
        models: all roles of the result.
        measured: what a comparison of measured latencies becomes, with a place for {told}.
    """
    figures = [model.get("latency_ms") or {} for model in (before, after)]
    took, takes = (one.get("median") for one in figures)
    if any(one.get("simulated") for one in figures):
        return _("latency simulated")
    if not took or not takes:
        return ""
    if unreliable(before, models) or unreliable(after, models):
        return _("latency not reliable, as other work disturbed the timing")
    if same_structure(before, after):
        return measured.format(told=_("as fast"))
    found = speedup(*figures)
    if found and found.low < 1 < found.high and not 1 / NOTABLY_FASTER < found.low < found.high < NOTABLY_FASTER:
        edges = {"low": format_ratio(found.low), "high": format_ratio(found.high)}
        return _("speed too close to tell ({low} to {high})").format(**edges)
    told = ratio_text(took, takes, NOTABLY_FASTER, _("{ratio} faster"), _("{ratio} slower")) or _("as fast")
    if found and told != _("as fast"):
        low, high = (found.low, found.high) if found.times > 1 else (1 / found.high, 1 / found.low)
        told = _("{told}, {low} to {high}").format(told=told, low=three_digits(low), high=three_digits(high))
    return measured.format(told=told)


def ratio_text(before: float | None, after: float, notable: float, less: str, more: str) -> str:
    """Return how many times a number is less or more than before, the same quantity; nothing where it hardly differs."""
    if not before or not after or 1 / notable < before / after < notable:
        return ""
    return less.format(ratio=format_ratio(before / after)) if before > after else more.format(ratio=format_ratio(after / before))
