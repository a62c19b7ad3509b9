"""What a student minimizes as a formula: the declared letters of knobs and weights replaced by their present numbers."""

import re
from collections.abc import Mapping, Sequence
from typing import Any

from compression.catalog import Entry
from compression.distillation import DISTILLATION
from compression.objective import Part, build_objective
from compression.texts import gettext as _

LABELS_PART = r"\mathrm{CE}(z_s, y)"


def declared(entry: Entry, knobs: Mapping[str, Any]) -> str:
    """Return a method's formula in TeX with the letters of its knobs: the trait `formula`, or what that makes of their values."""
    formula = entry.traits.get("formula", "")
    return formula(knobs) if callable(formula) else formula


def of_one(entry: Entry, knobs: Mapping[str, Any]) -> str:
    """Return the formula of a loss alone, a term a line."""
    share = entry.knobs[entry.traits["teacher_share"]].symbol if "teacher_share" in entry.traits else ""
    labels = rf"(1-{share})\,{LABELS_PART}" if share else LABELS_PART
    beside = [] if entry.traits.get("labels") is False else [labels]
    return _aligned([with_numbers(entry, knobs, " + ".join([*beside, declared(entry, knobs)]))])


def of_several(losses: Sequence[Mapping[str, Any]], label_weight: float | None) -> str:
    """Return the formula of a list of losses, a term a line, each with its weight."""
    objective = build_objective(list(losses), label_weight)
    beside = " + ".join(rf"{part.weight:g}\,(1-{1 - part.labels:g})" for part in objective.parts if part.labels is not None)
    weight = f"{objective.labels:g}" if objective.labels is not None else rf"\bigl({beside}\bigr)" if "+" in beside else beside
    return _aligned([rf"{weight}\,{LABELS_PART}", *map(_weighted, objective.parts)], within=False)


def labels_weigh(losses: Sequence[Mapping[str, Any]]) -> float:
    """Return what the labels weigh in all beside a list of losses that leaves it to them."""
    objective = build_objective(list(losses))
    shares = sum(part.weight * part.labels for part in objective.parts if part.labels is not None)
    return shares if objective.labels is None else objective.labels


def with_numbers(entry: Entry, knobs: Mapping[str, Any], formula: str) -> str:
    """Return a formula with the present values of an entry's knobs in place of their letters."""
    for name, knob in entry.knobs.items():
        if knob.symbol:
            pattern = rf"(?<![A-Za-z\\]){re.escape(knob.symbol)}(?![A-Za-z])"
            formula = re.sub(pattern, lambda _found, name=name: f"{{{knobs[name]:g}}}", formula)
    return re.sub(r"\}\s+\{(?=\d)", r"} \\cdot {", formula)


def _weighted(part: Part) -> str:
    entry = DISTILLATION[part.choice["name"]]
    formula = declared(entry, part.choice) or rf"\text{{{_(entry.title)}}}"
    shown = with_numbers(entry, part.choice, formula)
    return rf"{part.weight:g} \cdot " + (rf"\bigl({shown}\bigr)" if " + " in shown else shown)


def _aligned(terms: Sequence[str], *, within: bool = True) -> str:
    """Return terms under one another.

    Args:
        within: whether a term's own sum is broken, too.
    """
    newline = r" \\ &+ "
    text = newline.join(terms)
    return rf"\begin{{aligned}}&{text.replace(' + ', newline) if within else text}\end{{aligned}}"
