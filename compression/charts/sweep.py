"""What one knob of a compression does: accuracy above, file size below, over the knob's values."""

from typing import Any

import pandas as pd
import plotly.graph_objects as go

from compression.charts.numbers import byte_unit, format_bytes, format_percent
from compression.charts.style import MARK_COLOUR, ROLES, axis, layout, percent_axis
from compression.texts import gettext as _
from compression.texts import mark

HEIGHT = 380
UPPER_PANEL, LOWER_PANEL = (0.46, 1.0), (0.0, 0.34)
TITLES = {"sparsity": mark("Over sparsity, before recovery"), "bits": mark("Over bits, before recovery")}
AXIS_TITLES = {"sparsity": mark("Weights removed"), "bits": mark("Bits a weight")}
TOP_WITHOUT_LEGEND = 38  # pixels
TICKS: dict[str, dict[str, Any]] = {
    "sparsity": {"tickformat": ".0%", "range": [0, 1], "dtick": 0.2},
    "bits": {"tickvals": [1, 2, 3, 4, 6, 8, 12, 16], "range": [1, 16]},
}


def sweep(points: pd.DataFrame, knob: str, **more: Any) -> go.Figure:
    """Draw accuracy and file size over a knob, the slider's position marked on both; arguments as `describe_sweep`."""
    return go.Figure(describe_sweep(points, knob, **more))


def describe_sweep(
    points: pd.DataFrame,
    knob: str,
    *,
    position: float,
    after: pd.DataFrame | None = None,
    original: float | None = None,
    height: int = HEIGHT,
    legend: bool = True,
    title: str = "",
    across: str = "",
    revision: str = "",
) -> dict[str, Any]:
    """Return the chart of `sweep` as the browser takes it, JSON-safe; at each move of a slider there is no time to check it.

    Args:
        points: value, accuracy (0 to 1), size_bytes: before recovery; `position` should be among the values.
        knob: `sparsity` or `bits`.
        position: where the slider stands.
        after: the same columns for networks that recovered by fine-tuning; drawn as single points.
        original: accuracy of the network before anything was done to it.
        height: pixels.
        legend: whether there is one; charts beside each other need it once.
        title: such as one that says what the other knobs stand at.
        across: what the axis of the knob says, where the usual words do not fit.
        revision: zoom and hidden entries are kept while it stays the same.
    """
    points, traces = points.sort_values("value"), []
    unit, unit_name = byte_unit(points["size_bytes"].max() if len(points) else 1000)
    for column, panel, one in (("accuracy", "", 1), ("size_bytes", "2", unit)):
        traces += _panel(points, after, column, panel, position, one)
    if original is not None and len(points):
        traces.insert(0, _level(original, float(points["value"].min()), float(points["value"].max())))
    xaxis = axis(across or _(AXIS_TITLES[knob]), **TICKS[knob], anchor="y2", domain=[0, 1])
    shown = {"height": height, "shapes": [_needle(position)], "showlegend": legend}
    looks = layout(title or _(TITLES[knob]), uirevision=revision or knob, **shown)
    looks["margin"] |= {} if legend else {"t": TOP_WITHOUT_LEGEND}
    upper = percent_axis(_("Validation accuracy"), domain=UPPER_PANEL, range=[0, 1.03])
    lower = axis(_("File size"), domain=LOWER_PANEL, rangemode="tozero", ticksuffix=f" {unit_name}", nticks=4)
    return {"data": traces, "layout": {**looks, "xaxis": xaxis, "yaxis": upper, "yaxis2": lower}}


def _panel(
    points: pd.DataFrame, after: pd.DataFrame | None, column: str, panel: str, position: float, unit: int
) -> list[dict[str, Any]]:
    style, first = ROLES["compressed"], panel == ""
    here = points[(points["value"] - position).abs() < 1e-9]
    series = [
        (points, _("before recovery"), "lines", {"line": {"color": style.colour, "width": 2.5}}),
        (here, _("your setting"), "markers", {"marker": {"color": MARK_COLOUR, "size": 12, "symbol": "circle"}}),
    ]
    if after is not None:
        looks = {"marker": {"color": style.colour, "size": 11, "symbol": style.symbol, "line": {"width": 1.5, "color": "white"}}}
        series.append((after, _("after recovery"), "markers", looks))
    show = format_percent if column == "accuracy" else format_bytes
    return [
        {
            "type": "scatter",
            "mode": mode,
            "x": rows["value"].tolist() or [None],
            "y": (rows[column] / unit).tolist() or [None],
            "text": [show(value) for value in rows[column]],
            "name": label,
            "meta": f"{label}-{column}",
            "cliponaxis": mode != "markers",
            "legendgroup": label,
            "showlegend": first,
            "yaxis": f"y{panel}",
            "hovertemplate": f"%{{text}} {label}<extra></extra>",
            **looks,
        }
        for rows, label, mode, looks in series
    ]


def _level(accuracy: float, low: float, high: float) -> dict[str, Any]:
    style = ROLES["original"]
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [low, high],
        "y": [accuracy, accuracy],
        "name": _("original"),
        "meta": "original",
        "line": {"color": style.colour, "dash": style.dash, "width": 1.5},
        "hovertemplate": f"{format_percent(accuracy)} {_('original')}<extra></extra>",
    }


def _needle(position: float) -> dict[str, Any]:
    line = {"color": MARK_COLOUR, "width": 1.5, "dash": "dot"}
    return {"type": "line", "xref": "x", "yref": "paper", "x0": position, "x1": position, "y0": 0, "y1": 1, "line": line}
