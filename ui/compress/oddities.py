"""Sentences about what is odd in a curve before recovery: where nothing changes, where less is more, where nothing is saved."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd

from compression.charts.numbers import format_percent
from compression.texts import gettext as _

SAME_SIZE, SAME_ACCURACY = 0.01, 0.02  # shares of a file, of the images
NOTABLE = 0.03
FEW_BITS = 4


def oddities(
    points: pd.DataFrame, knob: str, original: float | None, steps: Sequence[Mapping[str, Any]], guessing: float = 0.0
) -> list[str]:
    """Return a sentence for each odd thing in a curve.

    Args:
        points: value, accuracy (0 to 1), size_bytes, before recovery.
        knob: `sparsity` or `bits`, what the values are of.
        original: accuracy of the network before compression.
        steps: of the compression, with where the knobs stand.
        guessing: the accuracy up to which a network is no better than guessing.
    """
    if len(points) < 2 or original is None:
        return []
    if original <= guessing:
        return [_("Without any compression the network is no better than guessing, so that nothing can be lost.")]
    points = points.sort_values("value").reset_index(drop=True)
    found = (
        [_no_bytes_saved(points, steps), _rises_again(points)]
        if knob == "sparsity"
        else [_one_bit(points, steps), _flat(points, original, steps)]
    )
    return [sentence for sentence in found if sentence]


def sparsity_text(sparsity: float) -> str:
    """Return a sparsity with its noun: 80 % sparsity."""
    return _("{percent} sparsity").format(percent=format_percent(sparsity).replace(".0 %", " %"))


def _no_bytes_saved(points: pd.DataFrame, steps: Sequence[Mapping[str, Any]]) -> str:
    whole = points.loc[points["value"] == 0, "size_bytes"]
    if whole.empty or any(step["name"] == "remove" for step in steps):
        return ""
    smaller = points["size_bytes"] < (1 - SAME_SIZE) * whole.iloc[0]
    kept = points[~smaller & (points["value"] > 0)]
    if kept.empty:
        return ""
    sentence = _("Up to {sparsity} the file stays as large: noting which weights are left costs what the others save.")
    return sentence.format(sparsity=sparsity_text(kept["value"].max()))


def _rises_again(points: pd.DataFrame) -> str:
    rises = points["accuracy"].diff()
    if rises.max() < NOTABLE:
        return ""
    at = int(rises.idxmax())
    sentence = _(
        "More sparsity is not always worse before recovery, as at {sparsity}: the errors of steps can cancel each other."
    )
    return sentence.format(sparsity=sparsity_text(points["value"][at]))


def _one_bit(points: pd.DataFrame, steps: Sequence[Mapping[str, Any]]) -> str:
    accuracy = points.set_index("value")["accuracy"]
    if not {1, 2} <= {*accuracy.index} or accuracy[1] < accuracy[2] + NOTABLE:
        return ""
    if any(step.get("scheme") == "symmetric" for step in steps):
        return _("1 bit beats 2: it keeps the sign of every weight, while 2 symmetric bits also round small weights to zero.")
    return _("1 bit beats 2 here: before recovery, errors of rounding can cancel each other.")


def _flat(points: pd.DataFrame, original: float, steps: Sequence[Mapping[str, Any]]) -> str:
    """Say from which number of bits on they do not matter, where that is odd: few bits, or an accuracy that is low."""
    flat = [bits for bits in points["value"] if _spread(points[points["value"] >= bits]) < SAME_ACCURACY]
    first, level = flat[0], points["accuracy"].iloc[-1]
    sparsity = next((step["sparsity"] for step in steps if step.get("sparsity")), 0)
    if first > FEW_BITS:
        return ""
    bits = _("From {bits} bits on").format(bits=f"{first:g}") if first > points["value"].iloc[0] else _("Over all bits")
    if level < original - NOTABLE and sparsity:
        sentence = _("{bits} accuracy hardly changes: pruning to {sparsity} has lost it. Less sparsity shows what bits do.")
        return sentence.format(bits=bits, sparsity=sparsity_text(sparsity))
    return _("{bits} accuracy hardly changes: more bits only make the file larger.").format(bits=bits)


def _spread(points: pd.DataFrame) -> float:
    return float(points["accuracy"].max() - points["accuracy"].min())
