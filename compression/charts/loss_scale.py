"""How large the gradients of labels and teacher are over a training."""

from typing import Any

import pandas as pd

from compression.charts.style import axis, layout, logarithmic_axis, role_look
from compression.texts import gettext as _
from compression.texts import mark

HEIGHT = 320  # pixels
PARTS = {"gradient_teacher": (mark("Teacher's part"), "teacher"), "gradient_labels": (mark("Labels"), "baseline")}


def describe_loss_scale(frame: pd.DataFrame, *, revision: str = "") -> dict[str, Any]:
    """Return the chart as the browser takes it, JSON-safe: the length of each gradient over epochs, logarithmic.

    Args:
        frame: epoch, metric (`gradient_labels`, `gradient_teacher`), value.
        revision: zoom and hidden entries are kept while it stays the same.
    """
    traces = []
    for metric, (title, role) in PARTS.items():
        rows, look = frame[(frame["metric"] == metric) & (frame["value"] > 0)].sort_values("epoch"), role_look(role)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines+markers",
                "name": _(title),
                "meta": metric,
                "x": rows["epoch"].tolist(),
                "y": rows["value"].tolist(),
                "line": {"color": look.colour, "dash": look.dash, "width": 2},
                "marker": {"symbol": look.symbol, "size": 6},
                "hovertemplate": "%{x:.0f}: %{y:.3g}<extra>" + _(title) + "</extra>",
            }
        )
    shape = layout(_("Length of the gradient that each part gives the student's weights"), uirevision=revision, height=HEIGHT)
    shape["xaxis"] = axis(_("Epoch"), rangemode="tozero")
    shape["yaxis"] = logarithmic_axis("")
    return {"data": traces, "layout": shape}
