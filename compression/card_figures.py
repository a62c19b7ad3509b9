"""What a result says of the figures that a card names, and whether they are what the card's paper claims."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean
from typing import Any, NamedTuple

from compression.cards import CPU, Card, Condition, Figure
from compression.measure.best import best_cell

ERRORS, PERCENT, POINTS, BYTES, TIMES = "errors", "%", "points", "KB", "times"
REACHED, MISSED, UNCLEAR, NOT_RUN = "reached", "not reached", "too close to tell", "not run"
OTHER_TASK = "tried on another task"
UNITS = {
    "accuracy": PERCENT,
    "error": PERCENT,
    "unseen": PERCENT,
    "errors": ERRORS,
    "size": BYTES,
    "gain": POINTS,
    "fewer_errors": ERRORS,
    "times_smaller": TIMES,
    "gap_closed": PERCENT,
}

Results = Mapping[str, Mapping[str, Any]]


class Measured(NamedTuple):
    """A figure with its 95 % interval; both bounds are None where it has none."""

    value: float
    low: float | None = None
    high: float | None = None


def unit_of(figure: Figure | Condition) -> str:
    """Return the unit of a figure: errors, %, points, KB or times; points, where it is a difference of percentages."""
    unit = UNITS[figure.measure.rpartition(".")[2]]
    return POINTS if figure.against is not None and unit == PERCENT else unit


def measure(result: Mapping[str, Any], name: str) -> Measured | None:
    """Return a figure of a result in its unit, or None where the result has it not.

    Args:
        result: of a run, or of a sweep: `cells` as `runs.sweeping.outcomes` gives them.
        name: `ROLE.accuracy` and `ROLE.error` (%), `ROLE.errors` (how many test images are wrong), `ROLE.unseen` (% right of the
            classes that were left out), `ROLE.size` (KB); `gain` (points of the student over the baseline, or over what else its
            verdict compares it with, or of the compressed network over the original), `fewer_errors`, `times_smaller` (the
            original's file against the compressed one's), `gap_closed` (% of the way from the baseline, or what else the verdict
            compares with, to the teacher that the student has gone). Of a sweep `best.ROLE.accuracy` and `best.gain`, at the
            setting that is best on validation images, and `worst.…` at the one that is worst there.
    """
    place, _dot, rest = name.partition(".")
    if place in ("best", "worst"):
        cell = _cell(result.get("cells", ()), best=place == "best")
        return measure(cell, rest) if cell else None
    if rest:
        role = (result.get("models") or {}).get(place)
        return _of_role(role, rest, (result.get("images") or {}).get("test", 0)) if role else None
    if name == "times_smaller":
        models = result.get("models") or {}
        sizes = [models[role]["size_bytes"] for role in ("original", "compressed") if role in models]
        return Measured(sizes[0] / sizes[1]) if len(sizes) == 2 else None
    found = result.get("verdict")
    if not found:
        return None
    if name == "gap_closed":
        gap = result["models"]["teacher"]["accuracy"] - result["models"][found.get("against", "baseline")]["accuracy"]
        return Measured(100 * found["difference"] / gap) if gap else None
    scale = 100 if name == "gain" else (result.get("images") or {}).get("test", 0)
    low, high = found["interval"]
    return Measured(scale * found["difference"], scale * low, scale * high)


def _cell(cells: Sequence[Mapping[str, Any]], *, best: bool) -> Mapping[str, Any] | None:
    done = [cell for cell in cells if cell.get("models")]
    if len(done) < max(2, len(cells)):
        return None
    if best:
        found = best_cell(done)
        return next(cell for cell in done if cell["at"] == found["at"]) if found else None
    return min(done, key=lambda cell: fmean(row["validation_accuracy"] for row in cell["models"]["student"]["per_seed"]))


def _of_role(model: Mapping[str, Any], kind: str, images: int) -> Measured | None:
    if kind == "size":
        return Measured(model["size_bytes"] / 1000)
    accuracy, interval = model["accuracy"], model["accuracy_interval"]
    if kind == "unseen":
        if not (found := model.get("unseen")):
            return None
        accuracy, interval = found["accuracy"], found["interval"]
    low, high = interval
    if kind in ("accuracy", "unseen"):
        return Measured(100 * accuracy, 100 * low, 100 * high)
    scale = 100 if kind == "error" else images
    return Measured(scale * (1 - accuracy), scale * (1 - high), scale * (1 - low))


def figure_of(figure: Figure | Condition, results: Results) -> Measured | None:
    """Return a figure of a card from the results of its runs; None where a run that it needs has none.

    A difference of two runs has the interval of two independent figures, which is wider than it need be: both runs are tested
    on the same images.
    """
    ours, other = (measure(results[run], figure.measure) if run in results else None for run in (figure.run, figure.against))
    if figure.against is None or ours is None or other is None:
        return ours if figure.against is None else None
    value = ours.value - other.value
    if ours.low is None or other.low is None:
        return Measured(value)
    below = math.hypot(ours.value - ours.low, other.high - other.value)
    above = math.hypot(ours.high - ours.value, other.value - other.low)
    return Measured(value, value - below, value + above)


def answer(condition: Condition, results: Results) -> str:
    """Return whether a condition holds: reached, not reached, too close to tell, or not run."""
    found = figure_of(condition, results)
    if found is None:
        return NOT_RUN
    low, high = (found.low, found.high) if condition.sure and found.low is not None else (found.value, found.value)
    least = condition.at_least if condition.at_least is not None else float("-inf")
    most = condition.at_most if condition.at_most is not None else float("inf")
    if least <= low and high <= most:
        return REACHED
    return MISSED if high < least or low > most else UNCLEAR


def is_other_task(card: Card, budget: str = CPU) -> bool:
    """Tell whether a card's runs within a budget have another task than the paper: figures that cannot be compared say so."""
    return budget == CPU and any(figure.paper is not None and not figure.comparable for figure in card.figures)


def standing(card: Card, results: Results, budget: str = CPU) -> str:
    """Return whether the claim of a card is reached: all of its conditions; empty where it has none.

    Runs on another task than the paper's neither reach its claim nor miss it: the answer is then that they were tried there.
    """
    answers = [answer(condition, results) for condition in card.criterion]
    if answers and NOT_RUN not in answers and is_other_task(card, budget):
        return OTHER_TASK
    for worst in (NOT_RUN, MISSED, UNCLEAR):
        if worst in answers:
            return worst
    return REACHED if answers else ""
