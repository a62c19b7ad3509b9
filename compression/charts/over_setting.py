"""Test accuracy over a setting that differs between runs, with 95 % intervals; teacher and baseline as reference."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from compression.charts.numbers import format_percent
from compression.charts.run_colours import run_colours
from compression.charts.style import BAND_OPACITY, NUMBER, axis, layout, percent_axis, role_look, translucent
from compression.charts.tradeoff import OUTCOMES, called, escape
from compression.roles import roles_in_order
from compression.texts import gettext as _

HEIGHT = 420
MOST_TICKS = 10
SAME = 1e-9
GUIDE = {"dash": "dot", "width": 1.5}  # for the eye alone: nothing was measured between the points


def accuracy_over(
    points: pd.DataFrame,
    setting: str,
    *,
    logarithmic: bool = False,
    height: int = HEIGHT,
    revision: str = "",
    upwards: dict[str, Any] | None = None,
) -> go.Figure:
    """Draw accuracy over a setting: points a series, a dotted guide between numbers, and what it is measured against.

    A reference whose accuracy does not change with the setting is a level across the chart. The first `customdata` of a point
    is its run.

    Args:
        points: run, at (number, or text for a choice), series (what else differs, empty where nothing does), role, accuracy,
            low, high (0 to 1); where it is another quantity, `told`, its text for people.
        setting: what the axis is called, with its unit where it has one.
        logarithmic: whether the axis of a number is.
        height: pixels.
        revision: zoom and hidden entries are kept while it stays the same.
        upwards: the vertical axis; that of test accuracy by default.
    """
    traces: list[dict[str, Any]] = []
    references = ~points["role"].isin(OUTCOMES)
    for role in roles_in_order(points.loc[references, "role"]):
        traces += _reference(points[points["role"] == role], role, points["at"])
    main = points[~references]
    for role in roles_in_order(main["role"]):
        traces += _series(main[main["role"] == role], role, several=main["role"].nunique() > 1)
    across = axis(escape(setting), **_ticks(points["at"], logarithmic=logarithmic))
    upwards = upwards or percent_axis(_("Test accuracy, 95 % interval"))
    looks = layout("", uirevision=revision or setting, height=height, xaxis=across, yaxis=upwards)
    return go.Figure(data=traces, layout={**looks, "title": None})


def _ticks(places: pd.Series, *, logarithmic: bool) -> dict[str, Any]:
    values = places.drop_duplicates().tolist()
    if any(isinstance(value, str) for value in values):
        return {"type": "category", "categoryorder": "array", "categoryarray": values}
    values = sorted(values)
    ticks = {"tickvals": values, "ticktext": [f"{value:g}" for value in values]} if len(values) <= MOST_TICKS else {}
    return {"type": "log", "tickformat": NUMBER, **ticks} if logarithmic else {"type": "linear", **ticks}


def _series(rows: pd.DataFrame, role: str, *, several: bool) -> list[dict[str, Any]]:
    names = list(dict.fromkeys(rows["series"]))
    colours = [role_look(role).colour] if len(names) == 1 else run_colours(len(names), ordered=False)
    traces = []
    for colour, name in zip(colours, names, strict=True):
        title = ", ".join(filter(None, [called(rows, role) if several or not name else "", name]))
        chosen = rows[rows["series"] == name]
        traces.append(_line(chosen, role, escape(title), colour, role_look(role).symbol, identity=f"{role}-{name}"))
    return traces


def _reference(rows: pd.DataFrame, role: str, places: pd.Series) -> list[dict[str, Any]]:
    style, title = role_look(role), called(rows, role)
    if rows["accuracy"].max() - rows["accuracy"].min() > SAME:
        faint = rows.groupby("at", sort=False, as_index=False).first() if _alike(rows) else rows
        return [_line(faint, role, title, style.colour, f"{style.symbol}-open", identity=role)]
    first = rows.iloc[0]
    ends = [places.iloc[0], places.iloc[-1]] if isinstance(places.iloc[0], str) else [places.min(), places.max()]
    level = {"type": "scatter", "mode": "lines", "x": ends, "legendgroup": role, "name": title}
    band = {
        **level,
        "x": [*ends, *reversed(ends)],
        "y": [first["low"], first["low"], first["high"], first["high"]],
        "meta": f"{role}-interval",
        "showlegend": False,
        "hoverinfo": "skip",
        "fill": "toself",
        "fillcolor": translucent(style.colour, BAND_OPACITY),
        "line": {"width": 0},
    }
    line = {
        **level,
        "y": [first["accuracy"]] * 2,
        "meta": role,
        "line": {"color": style.colour, "dash": style.dash, "width": 3},
        "hovertemplate": f"{title} {_told(first)}<extra></extra>",
    }
    return [line] if pd.isna(first["low"]) or pd.isna(first["high"]) else [band, line]


def _alike(rows: pd.DataFrame) -> bool:
    """Tell whether a reference depends on the setting alone, so that one point a value says all."""
    return bool((rows.groupby("at")["accuracy"].nunique() == 1).all())


def _line(rows: pd.DataFrame, role: str, title: str, colour: str, symbol: str, *, identity: str) -> dict[str, Any]:
    if not isinstance(rows["at"].iloc[0], str):
        rows = rows.sort_values("at", kind="stable")
    return {
        "type": "scatter",
        "mode": "markers" if isinstance(rows["at"].iloc[0], str) else "lines+markers",
        "x": rows["at"].tolist(),
        "y": rows["accuracy"].tolist(),
        "name": title,
        "meta": identity,
        "customdata": [[run] for run in rows["run"]],
        "hovertext": [f"{title}, {_at(row['at'])}<br>{_told(row)}" for row in rows.to_dict("records")],
        "hovertemplate": "%{hovertext}<extra></extra>",
        "line": GUIDE | {"color": colour},
        "marker": {"symbol": symbol, "size": 12, "color": colour},
        "error_y": _interval(rows, colour),
    }


def _interval(rows: pd.DataFrame, colour: str) -> dict[str, Any]:
    def lengths(values: pd.Series) -> Sequence[float]:
        return values.astype(float).clip(lower=0).fillna(0).tolist()

    up, down = lengths(rows["high"] - rows["accuracy"]), lengths(rows["accuracy"] - rows["low"])
    return {"type": "data", "symmetric": False, "array": up, "arrayminus": down, "color": colour, "thickness": 2, "width": 6}


def _at(value: Any) -> str:
    return escape(value) if isinstance(value, str) else f"{value:g}"


def _told(row: Any) -> str:
    if row.get("told"):
        return row["told"]
    accuracy = format_percent(row["accuracy"])
    if pd.isna(row["low"]) or pd.isna(row["high"]):
        return accuracy
    return _("{value} ({low} to {high})").format(value=accuracy, low=format_percent(row["low"]), high=format_percent(row["high"]))
