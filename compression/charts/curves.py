"""Learning curves: the mean over seeds of each role with a band from the lowest to the highest."""

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import pandas as pd
import plotly.graph_objects as go

from compression.charts.style import (
    ALL,
    BAND_OPACITY,
    HEIGHT,
    Role,
    axis,
    decimate,
    layout,
    logarithmic_axis,
    percent_axis,
    role_look,
    translucent,
)
from compression.roles import role_title
from compression.texts import gettext as _
from compression.texts import mark

TITLES = {
    "val_accuracy": mark("Validation accuracy"),
    "agreement": mark("Agreement with the teacher"),
    "val_loss": mark("Validation loss"),
    "train_loss": mark("Training loss"),
    "loss": mark("Validation loss (faint: training)"),
    "lr": mark("Learning rate"),
}
RATIOS = ("val_accuracy", "agreement")
BOTH_LOSSES = ("train_loss", "val_loss")
FLOOR_STEP = 0.05  # the accuracy axis starts on a multiple of this, so that it seldom moves while a run is drawn
LEGEND_ROW, WITHOUT_LEGEND = 30, 40  # pixels
FEW_ENTRIES = 3
SETTLED = 0.2  # the share of a curve's epochs that the accuracy axis may cut off below


def learning_curves(frame: pd.DataFrame, metric: str, **more: Any) -> go.Figure:
    """Draw one metric over epochs, a line and a band a role; arguments as `describe_learning_curves`."""
    return go.Figure(describe_learning_curves(frame, metric, **more))


def describe_learning_curves(
    frame: pd.DataFrame,
    metric: str,
    *,
    roles: Sequence[str] = ("teacher", "baseline", "student"),
    titles: Mapping[str, str] | None = None,
    epochs: float | None = None,
    height: int = HEIGHT,
    legend: bool = True,
    revision: str = "",
) -> dict[str, Any]:
    """Return the chart of `learning_curves` as the browser takes it, JSON-safe; while a run grows there is no time to check it.

    A value without an epoch is a level across the chart.

    Args:
        frame: role, seed, epoch (NaN: a level), metric, value; as `runs.frames.metrics_frame` returns.
        metric: `val_accuracy`, `agreement`, `val_loss`, `train_loss`, or `loss` for both (training faint).
        roles: those in the legend from the first moment, so that nothing moves when one of them starts.
        titles: names of roles that are not the usual ones.
        epochs: how far the axis goes, if that is known.
        height: pixels.
        legend: whether the roles are named; a small chart beside one that names them need not.
        revision: zoom and hidden entries are kept while it stays the same, such as the run's id.
    """
    names = BOTH_LOSSES if metric == "loss" else (metric,)
    drawn = frame[frame["metric"].isin(names) & ~(frame["role"].isin(levelled(frame)) & frame["epoch"].notna())]
    last = max([epochs or 1.0, *drawn["epoch"].dropna().tolist()])
    traces: list[dict[str, Any]] = []
    for role in roles:
        for name in names:
            rows = drawn[(drawn["role"] == role) & (drawn["metric"] == name)]
            named = role_title(role, titles)
            traces += role_traces(rows, role, named, last, name, faint=len(names) > 1 and name == "train_loss")
    across = axis(_("Epoch"), range=[0, last], hoverformat=".3~g")
    upwards = percent_axis("", range=[accuracy_floor(drawn), ALL]) if metric in RATIOS else loss_axis(drawn)
    looks = layout(metric_title(metric, titles), uirevision=revision or metric, height=height, xaxis=across, yaxis=upwards)
    above = max(looks["margin"]["t"], _legend_needs(len(roles))) if legend else WITHOUT_LEGEND
    looks |= {"showlegend": legend, "margin": {**looks["margin"], "t": above}}
    return {"data": traces, "layout": looks}


def _legend_needs(entries: int) -> int:
    """Return the pixels of a title and a legend of more than three entries where two stand in a row, as on narrow screens."""
    return WITHOUT_LEGEND // 2 + LEGEND_ROW * math.ceil(entries / 2) if entries > FEW_ENTRIES else 0


def metric_title(metric: str, titles: Mapping[str, str] | None = None) -> str:
    """Return what a metric is called; the agreement is one with whom the titles of the roles say."""
    if metric == "agreement" and titles:
        return _("Agreement with the {role}").format(role=role_title("teacher", titles).lower())
    return _(TITLES.get(metric, metric))


def loss_axis(rows: pd.DataFrame) -> dict[str, Any]:
    """Return a logarithmic axis for losses, which shows some decades before there is any."""
    return logarithmic_axis("", **({} if (rows["value"] > 0).any() else {"range": [-2, 1]}))


def levelled(frame: pd.DataFrame) -> set[str]:
    """Return the roles that have a level: what they were on the way there, over epochs of their own, is no longer drawn."""
    return set(frame.loc[frame["epoch"].isna(), "role"])


def summarise(rows: pd.DataFrame) -> pd.DataFrame:
    """Return mean, lowest, highest and count over seeds at each epoch, in order, decimated; rows without either are left out."""
    epochs, values = rows["epoch"].to_numpy(float), rows["value"].to_numpy(float)
    there = ~(np.isnan(epochs) | np.isnan(values))
    order = np.argsort(epochs[there], kind="stable")
    values = values[there][order]
    epochs, starts, count = np.unique(epochs[there][order], return_index=True, return_counts=True)
    mean = np.add.reduceat(values, starts) / count
    lowest, highest = np.minimum.reduceat(values, starts), np.maximum.reduceat(values, starts)
    table = pd.DataFrame({"epoch": epochs, "mean": mean, "min": lowest, "max": highest, "count": count})
    return table.iloc[decimate(len(table))]


def role_traces(rows: pd.DataFrame, role: str, title: str, last: float, metric: str, *, faint: bool) -> list[dict[str, Any]]:
    """Return the band and the line of one role and metric; an entry of the legend even where there is no value yet."""
    style, identity = role_look(role), f"{role}-{metric}"
    label = _("{role}, training").format(role=title) if faint else title
    if rows["epoch"].isna().any():
        level = float(rows["value"].mean())
        return [line([0, last], [level, level], label, style, identity=identity, group=role, faint=faint)]
    table = summarise(rows)
    mean = line(table["epoch"].tolist(), table["mean"].tolist(), label, style, identity=identity, group=role, faint=faint)
    if faint or table.empty or table["count"].max() == 1:
        return [mean]
    return [band(table, style.colour, f"{identity}-band", role), mean]


def line(
    across: list[float], upwards: list[float], label: str, style: Role, *, identity: str, group: str, faint: bool = False
) -> dict[str, Any]:
    """Return a line trace; `meta` lets the browser recognise it when the figure is drawn again."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": across or [None],
        "y": upwards or [None],
        "name": label,
        "meta": identity,
        "legendgroup": group,
        "showlegend": not faint,
        "opacity": 0.5 if faint else 1.0,
        "line": {"color": style.colour, "dash": style.dash, "width": 1.25 if faint else 2.5},
        "hovertemplate": f"{label}<br>%{{y}} · " + _("epoch") + " %{x}<extra></extra>",
    }


def band(table: pd.DataFrame, colour: str, identity: str, group: str) -> dict[str, Any]:
    """Return the area between the lowest and the highest seed; it hides together with its line."""
    return {
        "type": "scatter",
        "mode": "lines",
        "x": [*table["epoch"], *table["epoch"][::-1]],
        "y": [*table["max"], *table["min"][::-1]],
        "meta": identity,
        "legendgroup": group,
        "showlegend": False,
        "hoverinfo": "skip",
        "fill": "toself",
        "fillcolor": translucent(colour, BAND_OPACITY),
        "line": {"width": 0, "color": colour},
    }


def accuracy_floor(rows: pd.DataFrame) -> float:
    """Return where an axis of ratios starts: below every settled curve; the first epochs would squeeze the rest."""
    if rows.empty:
        return 0.0
    epochs = rows["epoch"]
    last = epochs.groupby([rows["role"], rows["seed"]], dropna=False).transform("max")
    lowest = min(1.0, rows.loc[epochs.isna() | (epochs >= SETTLED * last), "value"].min())
    return max(0.0, math.floor((lowest - 0.01) / FLOOR_STEP) * FLOOR_STEP)
