"""A run that the lab made and that comes with it, so that Home and Distill have something to show before anything has run."""

import functools
import json
from pathlib import Path
from typing import Any

import pandas as pd

from compression.charts.numbers import format_points, format_ratio
from compression.texts import gettext as _
from ui.run.decimals import interval_points

FOLDER = Path(__file__).resolve().parents[2] / "assets" / "home"
HEIGHT = 310  # pixels


@functools.cache
def run() -> dict[str, Any]:
    """Return the run: `spec`, `result`, `seconds`, `device`, `made` (a date) and `metrics` (rows of a metrics frame)."""
    return json.loads((FOLDER / "run.json").read_text(encoding="utf-8"))


@functools.cache
def frame() -> pd.DataFrame:
    """Return the curves of the run: role, seed, epoch, metric, value."""
    return pd.DataFrame(run()["metrics"], columns=["role", "seed", "epoch", "metric", "value"])


def headline() -> str:
    """Return what the run found, in one line."""
    points = format_points(run()["result"]["verdict"]["difference"])
    return _("With a teacher, the same small network is {points} points better").format(points=points)


def footing() -> str:
    """Return what the headline stands on."""
    result = run()["result"]
    verdict, models = result["verdict"], result["models"]
    low, high = interval_points(verdict["interval"], -verdict["tolerance"])
    fewer = format_ratio(models["teacher"]["parameters"] / models["student"]["parameters"])
    basis = _("Digits, {seeds} seeds, test accuracy; 95 % interval {low} to {high} points.")
    size = _("The student has {fewer} fewer parameters than its teacher.").format(fewer=fewer)
    return basis.format(seeds=verdict["seeds"], low=low, high=high) + " " + size


@functools.cache
def figure_json() -> str:
    """Return the chart of the run: validation accuracy over epochs, with bands over seeds."""
    from compression.charts.curves import learning_curves

    figure = learning_curves(frame(), "val_accuracy", height=HEIGHT, revision="home")
    return figure.update_layout(title=None, margin_t=36).to_json(validate=False)
