"""Which of two runs side by side is better, or that it is too close to tell."""

from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from compression.charts.numbers import format_count, format_points
from compression.errors import LabError
from compression.measure.between_runs import difference, difference_of_accuracies
from compression.measure.interval import Interval
from compression.runs.frames import models_of
from compression.runs.records import Run
from compression.texts import gettext as _
from compression.texts import ngettext
from ui.run import answers
from ui.run.decimals import interval_points
from ui.run.differences import OUTCOMES
from ui.run.words import as_text

MOST_MACS = 2e10  # some seconds of a core
SAME = 1e-3  # accuracy; what is computed anew may differ by rounding


class Outcome(NamedTuple):
    """What a run is about: its role, its accuracies on test images by seed, and of how many images."""

    role: str
    accuracies: dict[int, float]
    images: int


def sentence(runs: Sequence[Run], names: Mapping[str, str]) -> str:
    """Return in Markdown which of two runs is better and by how much; empty for other numbers of runs or without accuracies."""
    found = [_outcome(run) for run in runs]
    if len(runs) != 2 or not all(found):
        return ""
    if _test_images(runs[0]) != _test_images(runs[1]):
        return _("Which is better cannot be told: these runs were tested on different images.")
    ours, others = (one for one in found if one is not None)
    between, exact = _difference(runs, ours, others)
    first, second = (as_text(names[run.id]) for run in runs)
    if between.mean < 0:
        first, second, between = second, first, Interval(-between.mean, -between.high, -between.low)
    low, high = interval_points([between.low, between.high], 0.0)
    facts = {"better": first[:1].upper() + first[1:], "other": second, "points": format_points(between.mean)}
    one_seed = min(len(ours.accuracies), len(others.accuracies)) == 1
    if between.low > 0 and not one_seed:
        told = _("**{better} is {points} points better than {other}**")
    else:
        told = _("**Too close to tell:** {better} is {points} points above {other}")
    support = _(" (95 % interval {low} to {high}; {images} test images, {seeds}).")
    images = format_count(ours.images)
    told = told.format(**facts) + support.format(low=low, high=high, images=images, seeds=_seeds(ours, others))
    assumed = _("Both were asked about each image.")
    if not exact:
        assumed = _("Told from the accuracies alone, as if the two erred independently, which makes the interval wider.")
    luck = " " + _("One seed says nothing of the luck of training.") if one_seed else ""
    return f"{told} {assumed}{luck}"


def _outcome(run: Run) -> Outcome | None:
    models = models_of(run)
    role = next((role for role in OUTCOMES if role in models), None)
    images = ((run.result or {}).get("images") or {}).get("test")
    rows = models[role].get("per_seed") if role else None
    if role is None or not images or not rows:
        return None
    return Outcome(role, {row["seed"]: row["accuracy"] for row in rows}, images)


def _test_images(run: Run) -> dict[str, Any]:
    return {name: value for name, value in (run.spec.get("dataset") or {}).items() if name != "train_images"}


def _difference(runs: Sequence[Run], ours: Outcome, others: Outcome) -> tuple[Interval, bool]:
    """Return the difference, and whether it was computed image by image, from the files of the networks if that is quick."""
    both = list(zip(runs, (ours, others), strict=True))
    cost = sum(models_of(run)[one.role].get("macs", 0) * len(one.accuracies) * one.images for run, one in both)
    try:
        right = [answers.correct(run, one.role) for run, one in both] if cost <= MOST_MACS else []
    except LabError:
        right = []
    if right and all(_as_recorded(found, one) for found, one in zip(right, (ours, others), strict=True)):
        return difference(*right), True
    return difference_of_accuracies(ours.accuracies, others.accuracies, ours.images), False


def _as_recorded(right: Mapping[int, Any], told: Outcome) -> bool:
    """Tell whether networks are as often right as their run recorded: the answers of several together are not in one file."""
    return all(abs(float(right[seed].double().mean()) - accuracy) < SAME for seed, accuracy in told.accuracies.items())


def _seeds(ours: Outcome, others: Outcome) -> str:
    if ours.accuracies.keys() == others.accuracies.keys():
        count = len(ours.accuracies)
        return ngettext("the same seed", "the same {count} seeds", count).format(count=count)
    return _("{count} and {other} seeds, not the same").format(count=len(ours.accuracies), other=len(others.accuracies))
