"""Curves of several runs in one chart: the colour says the run, the dash says the role where there are several."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from compression.charts.curves import BOTH_LOSSES, RATIOS, TITLES, accuracy_floor, band, summarise
from compression.charts.run_colours import run_colours
from compression.charts.style import ALL, HEIGHT, RUN_DASHES, axis, layout, logarithmic_axis, percent_axis, role_look
from compression.charts.tradeoff import escape
from compression.roles import role_title
from compression.texts import gettext as _

MOST_NAMED = 16  # runs; the names of more take more room than the curves


def overlaid_curves(
    frame: pd.DataFrame,
    metric: str,
    labels: Mapping[str, str],
    roles: Sequence[str],
    *,
    titles: Mapping[str, Mapping[str, str]] | None = None,
    ordered: bool = False,
    height: int = HEIGHT,
    revision: str = "",
) -> go.Figure:
    """Draw one metric of several runs over epochs: the mean over seeds a run and role, from lowest to highest seed a band.

    Args:
        frame: run, role, seed, epoch, metric, value: metrics frames with a column that names the run.
        metric: as `curves.learning_curves` takes; of `loss`, the validation loss is drawn.
        labels: what each run is called, in the order of the legend.
        roles: those drawn; bands only where it is one.
        titles: names of roles by run, where a run's are not the usual ones.
        ordered: whether the order of the runs is that of a number, which then goes along a scale of colours.
        height: pixels.
        revision: zoom and hidden entries are kept while it stays the same.
    """
    name = BOTH_LOSSES[1] if metric == "loss" else metric
    drawn = frame[(frame["metric"] == name) & frame["role"].isin(roles) & frame["run"].isin(list(labels))]
    last = max([1.0, *drawn["epoch"].dropna().tolist()])
    several = len(set(drawn["role"])) > 1
    traces = []
    colours = run_colours(len(labels), ordered=ordered)
    for position, (run, label) in enumerate(labels.items()):
        for role in roles:
            rows = drawn[(drawn["run"] == run) & (drawn["role"] == role)]
            if len(rows):
                named = role_title(role, (titles or {}).get(run))
                title = f"{named}, {label}" if several else label
                dash = role_look(role).dash if several else "solid" if ordered else RUN_DASHES[position % len(RUN_DASHES)]
                traces += curve(rows, title, last, {"color": colours[position], "dash": dash, "width": 3}, banded=not several)
    axes = {"xaxis": axis(_("Epoch"), range=[0, last], hoverformat=".3~g"), "yaxis": _upwards(drawn, name)}
    looks = layout("", uirevision=revision or metric, height=height, **axes)
    return go.Figure(data=traces, layout={**looks, "title": None, "showlegend": len(labels) <= MOST_NAMED})


def _upwards(drawn: pd.DataFrame, metric: str) -> dict[str, Any]:
    if metric not in RATIOS:
        return logarithmic_axis(_(TITLES.get(metric, metric)))
    apart = drawn.assign(seed=drawn["run"] + "/" + drawn["seed"].astype(str))
    return percent_axis(_(TITLES.get(metric, metric)), range=[accuracy_floor(apart), ALL])


def curve(rows: pd.DataFrame, title: str, last: float, line: dict[str, Any], *, banded: bool) -> list[dict[str, Any]]:
    """Return the band and the line of one run and role; a level that holds for the whole chart spans it."""
    identity, traces = f"{rows['run'].iloc[0]}-{rows['role'].iloc[0]}", []
    if rows["epoch"].isna().all():
        level = float(rows["value"].mean())
        across, upwards = [0.0, last], [level, level]
    else:
        table = summarise(rows.dropna(subset="epoch"))
        across, upwards = table["epoch"].tolist(), table["mean"].tolist()
        if banded and table["count"].max() > 1:
            traces.append(band(table, line["color"], f"{identity}-band", identity))
    shown = {
        "type": "scatter",
        "mode": "lines",
        "x": across,
        "y": upwards,
        "name": escape(title),
        "meta": identity,
        "legendgroup": identity,
        "line": line,
        "hovertemplate": f"{escape(title)}<br>%{{y}} · " + _("epoch") + " %{x}<extra></extra>",
    }
    return [*traces, shown]
