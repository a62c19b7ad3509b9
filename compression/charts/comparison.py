"""Curves of several runs in one chart: the colour says the role, dash and shade say the run."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from compression.charts.curves import BOTH_LOSSES, RATIOS, TITLES, accuracy_floor, summarise
from compression.charts.style import HEIGHT, ROLES, RUN_DASHES, axis, layout, percent_axis, role_title
from compression.charts.tradeoff import escape
from compression.texts import gettext as _

SHADES = (0.0, 0.5)  # how far towards white; darker shades are lost on a dark page


def shade(colour: str, amount: float) -> str:
    """Return a #RRGGBB colour moved towards white (amount up to 1) or towards black (down to -1)."""
    target = 255 if amount > 0 else 0
    parts = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return "#" + "".join(f"{round(part + (target - part) * abs(amount)):02x}" for part in parts)


def overlaid_curves(
    frame: pd.DataFrame, metric: str, labels: dict[str, str], roles: Sequence[str], *, height: int = HEIGHT, revision: str = ""
) -> go.Figure:
    """Draw one metric of several runs over epochs, the mean over seeds a run and role.

    Args:
        frame: run, role, seed, epoch, metric, value: metrics frames with a column that names the run.
        metric: as `curves.learning_curves` takes; of `loss`, the validation loss is drawn.
        labels: what each run is called, in the order of the legend.
        roles: those drawn.
        height: pixels.
        revision: zoom and hidden entries are kept while it stays the same.
    """
    name = BOTH_LOSSES[1] if metric == "loss" else metric
    drawn = frame[(frame["metric"] == name) & frame["role"].isin(roles) & frame["run"].isin(labels)]
    last = max([1.0, *drawn["epoch"].dropna().tolist()])
    traces = []
    for position, (run, label) in enumerate(labels.items()):
        for role in roles:
            rows = drawn[(drawn["run"] == run) & (drawn["role"] == role)]
            if len(rows):
                several = len(set(drawn["role"])) > 1
                title = f"{role_title(role)}, {label}" if several else label
                traces.append(curve(rows, role, position, title, last))
    across = axis(_("Epoch"), range=[0, last], hoverformat=".3~g")
    if name in RATIOS:
        upwards = percent_axis(
            "", range=[accuracy_floor(drawn.assign(seed=drawn["run"] + "/" + drawn["seed"].astype(str))), 1.01]
        )
    else:
        upwards = axis("", type="log", dtick="D2", hoverformat=".3~g", exponentformat="none")
    looks = layout(_(TITLES.get(name, name)), uirevision=revision or metric, height=height, xaxis=across, yaxis=upwards)
    return go.Figure(data=traces, layout=looks)


def curve(rows: pd.DataFrame, role: str, position: int, title: str, last: float) -> dict[str, Any]:
    """Return the line of one run and role; a level that holds for the whole chart spans it."""
    if rows["epoch"].isna().all():
        level = float(rows["value"].mean())
        across, upwards = [0.0, last], [level, level]
    else:
        table = summarise(rows.dropna(subset="epoch"))
        across, upwards = table["epoch"].tolist(), table["mean"].tolist()
    return {
        "type": "scatter",
        "mode": "lines",
        "x": across,
        "y": upwards,
        "name": escape(title),
        "uid": f"{rows['run'].iloc[0]}-{role}",
        "line": {
            "color": shade(ROLES[role].colour, SHADES[(position + position // len(RUN_DASHES)) % len(SHADES)]),
            "dash": RUN_DASHES[position % len(RUN_DASHES)],
            "width": 2.5,
        },
        "hovertemplate": f"{escape(title)}<br>%{{y}} · " + _("epoch") + " %{x}<extra></extra>",
    }
