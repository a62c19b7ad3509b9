"""Reliability: how often a network is right where it is how sure."""

from collections.abc import Mapping
from typing import Any

import pandas as pd

from compression.charts.style import axis, layout, percent_axis, role_look
from compression.roles import role_title, roles_in_order
from compression.texts import gettext as _

HEIGHT = 380  # pixels
SMALLEST, LARGEST = 5, 22  # pixels of a marker
FEWEST = 10  # images in a bin that is drawn: of fewer the share that is right says nothing
PERFECT = "rgba(128,128,128,0.6)"


def describe_reliability(frame: pd.DataFrame, *, titles: Mapping[str, str] | None = None, revision: str = "") -> dict[str, Any]:
    """Return the chart as the browser takes it, JSON-safe: accuracy over confidence, larger marks for more images.

    Bins of fewer than `FEWEST` images are left out.

    Args:
        frame: role, confidence and accuracy (0 to 1) and count of images, a row a bin.
        titles: names of roles that are not the usual ones.
        revision: zoom and hidden entries are kept while it stays the same.
    """
    diagonal = {"type": "scatter", "x": [0, 1], "y": [0, 1], "mode": "lines", "name": _("As sure as right"), "hoverinfo": "skip"}
    diagonal["line"] = {"color": PERFECT, "dash": "dot", "width": 1.5}
    roles = roles_in_order(frame["role"])
    traces = [diagonal, *(_trace(role, frame[frame["role"] == role], role_title(role, titles)) for role in roles)]
    shape = layout(_("Accuracy over confidence, test images"), uirevision=revision, height=HEIGHT)
    shape["xaxis"] = axis(_("Confidence: the probability of the predicted class"), range=[0, 1.02], tickformat=".0%")
    shape["yaxis"] = percent_axis(_("Right"), range=[0, 1.04])
    return {"data": traces, "layout": shape}


def _trace(role: str, bins: pd.DataFrame, title: str) -> dict[str, Any]:
    rows = bins[bins["count"] >= FEWEST]
    shares = (rows["count"] / bins["count"].sum()).tolist()
    look, template = role_look(role), "%{x:.1%} sure, %{y:.1%} right, %{customdata:.1%} of images"
    return {
        "type": "scatter",
        "mode": "lines+markers",
        "name": title,
        "meta": f"reliability-{role}",
        "x": rows["confidence"].tolist(),
        "y": rows["accuracy"].tolist(),
        "customdata": shares,
        "line": {"color": look.colour, "dash": look.dash, "width": 2},
        "marker": {"symbol": look.symbol, "size": [SMALLEST + (LARGEST - SMALLEST) * share**0.5 for share in shares]},
        "hovertemplate": template + "<extra>" + title + "</extra>",
    }
