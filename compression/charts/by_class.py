"""Accuracy by class: a mark a role for each class, with the range over seeds."""

import math
from collections.abc import Mapping
from typing import Any

import pandas as pd

from compression.charts.style import ALL, axis, layout, percent_axis, role_look
from compression.roles import role_title, roles_in_order
from compression.texts import gettext as _

HEIGHT = 340  # pixels
APART = 0.2  # of the distance between two classes: how far the roles of one stand apart
MARGIN = 0.05  # below the lowest mark


def describe_accuracy_by_class(
    frame: pd.DataFrame, *, titles: Mapping[str, str] | None = None, revision: str = ""
) -> dict[str, Any]:
    """Return the chart as the browser takes it, JSON-safe.

    Args:
        frame: role, seed, class, accuracy (0 to 1; NaN where no image has the class), in order of classes.
        titles: names of roles that are not the usual ones.
        revision: zoom and hidden entries are kept while it stays the same.
    """
    classes, roles = list(dict.fromkeys(frame["class"])), roles_in_order(frame["role"])
    traces = [
        _marks(role, frame[frame["role"] == role], classes, role_title(role, titles), APART * (place - (len(roles) - 1) / 2))
        for place, role in enumerate(roles)
    ]
    shape = layout(_("Test accuracy by class; lines: lowest to highest seed"), uirevision=revision, height=HEIGHT)
    ticks = {"tickvals": list(range(len(classes))), "ticktext": classes}
    shape["xaxis"] = axis(_("Class"), range=[-0.6, len(classes) - 0.4], **ticks)
    shape["yaxis"] = percent_axis("", range=[max(0.0, float(frame["accuracy"].min()) - MARGIN), ALL])
    return {"data": traces, "layout": shape}


def _marks(role: str, rows: pd.DataFrame, classes: list[str], title: str, aside: float) -> dict[str, Any]:
    told = rows.groupby("class", sort=False)["accuracy"].agg(["mean", "min", "max"]).reindex(classes)
    above, below = _safe(told["max"] - told["mean"]), _safe(told["mean"] - told["min"])
    look = role_look(role)
    return {
        "type": "scatter",
        "mode": "markers",
        "name": title,
        "meta": f"class-{role}",
        "x": [place + aside for place in range(len(classes))],
        "y": _safe(told["mean"]),
        "text": classes,
        "error_y": {"type": "data", "array": above, "arrayminus": below, "symmetric": False, "thickness": 1.2, "width": 0},
        "marker": {"color": look.colour, "symbol": look.symbol, "size": 9},
        "hovertemplate": "%{text}: %{y:.1%}<extra>" + title + "</extra>",
    }


def _safe(values: pd.Series) -> list[float | None]:
    return [value if math.isfinite(value) else None for value in values.tolist()]
