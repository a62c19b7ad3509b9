"""What a model costs against what it knows: accuracy over size, latency or computation, with the front of the best."""

import math
from collections.abc import Callable, Collection, Mapping
from typing import Any, NamedTuple

import pandas as pd
import plotly.graph_objects as go

from compression.charts.numbers import format_bytes, format_macs, format_milliseconds, format_percent
from compression.charts.style import MARK_COLOUR, layout, logarithmic_axis, percent_axis, role_look, translucent
from compression.roles import role_title, roles_in_order
from compression.texts import gettext as _
from compression.texts import mark

HEIGHT = 420
MARKER_SIZE = 11
MOST_TICKS = 6  # above one decade: of more, labels of all nine digits run into each other
PALE = 0.3
LAST = 2000  # in the legend, in which 1000 is usual
OUTCOMES = ("student", "compressed")  # what runs are about; all other roles are what these are measured against
FRONT_COLOUR = "rgba(128,128,128,0.75)"
FRONT_DASHES = ("solid", "dash", "dot", "dashdot")
EVIDENCE = {
    "measured": mark("measured"),
    "simulated": mark("simulated"),
    "file": mark("from the file"),
    "counted": mark("counted"),
    "disturbed": mark("not reliable"),
}
UNSURE = ("simulated", "disturbed")


class Cost(NamedTuple):
    """One thing that a model costs: the columns of value and evidence, its axis title and ticks, its number for people."""

    column: str
    evidence: str
    title: str
    ticks: str
    show: Callable[[float], str]


COSTS = {
    "size": Cost("size_bytes", "size_evidence", mark("File size (bytes)"), ".3~s", format_bytes),
    "latency": Cost("latency_ms", "latency_evidence", mark("Latency of one example (ms)"), ".3~g", format_milliseconds),
    "macs": Cost("macs", "macs_evidence", mark("Computation (multiply-accumulates an example)"), ".3~s", format_macs),
}


def evidence_title(evidence: str | None) -> str:
    """Return for people how a number was come by; an unknown kind's own name."""
    return _(EVIDENCE[evidence]) if evidence in EVIDENCE else str(evidence or _("unknown"))


def tradeoff(
    frame: pd.DataFrame, cost: str, *, marked: Mapping[str, str] | None = None, height: int = HEIGHT, revision: str = ""
) -> go.Figure:
    """Draw test accuracy over a cost: a marker a model, its 95 % interval, and the front of the best a dataset.

    A marker is hollow where its accuracy or its cost is simulated or not reliable; on the front are none whose cost is not
    reliable. The first `customdata` of a marker is its run.

    Args:
        frame: as `runs.frames.models_frame` returns; models without the cost are left out.
        cost: `size`, `latency` or `macs`.
        marked: runs that stand out, with the names that stand beside their points.
        height: pixels.
        revision: zoom and hidden entries are kept while it stays the same.
    """
    chosen = COSTS[cost]
    drawn = frame[(pd.to_numeric(frame[chosen.column], errors="coerce") > 0) & frame["accuracy"].notna()]
    traces = fronts(drawn, chosen)
    if marked:  # below the markers, so that no ring hides a point beside its own
        middle = math.sqrt(drawn[chosen.column].min() * drawn[chosen.column].max())
        rows = drawn[drawn["run"].isin(list(marked)) & drawn["role"].isin(OUTCOMES)]
        traces.append(highlight(rows, chosen, marked, middle))
    # What runs are about first: a baseline of almost the same accuracy and size stands before its student.
    for role in sorted(roles_in_order(drawn["role"]), key=lambda role: role not in OUTCOMES):
        traces.append(markers(drawn[drawn["role"] == role], role, chosen, marked or {}))
    kinds = ", ".join(evidence_title(kind) for kind in drawn[chosen.evidence].dropna().unique())
    title = f"{_(chosen.title)} · {kinds}" if kinds else _(chosen.title)
    across = logarithmic_axis(title, tickformat=chosen.ticks, nticks=MOST_TICKS)
    upwards = percent_axis(_("Test accuracy, 95 % interval"))
    looks = layout("", uirevision=revision or cost, height=height, xaxis=across, yaxis=upwards)
    return go.Figure(data=traces, layout={**looks, "title": None, "margin": {"l": 8, "r": 12, "t": 40, "b": 8}})


def front(rows: pd.DataFrame, column: str) -> pd.DataFrame:
    """Return the models that no other beats: none costs at most as much and is more accurate; cheapest first."""
    ordered = rows.sort_values([column, "accuracy"], ascending=[True, False], kind="stable")
    best_before = ordered["accuracy"].cummax().shift(fill_value=float("-inf"))
    return ordered[ordered["accuracy"] > best_before]


def fronts(frame: pd.DataFrame, cost: Cost) -> list[dict[str, Any]]:
    """Return one stepped line a dataset through its front; accuracies of different datasets do not compare."""
    datasets = sorted(frame["dataset"].dropna().unique())
    traces = []
    for index, dataset in enumerate(datasets):
        best = front(frame[(frame["dataset"] == dataset) & (frame[cost.evidence] != "disturbed")], cost.column)
        label = _("Best trade-off") if len(datasets) == 1 else _("Best on {dataset}").format(dataset=dataset)
        traces.append(
            {
                "type": "scatter",
                "mode": "lines",
                "x": best[cost.column].tolist(),
                "y": best["accuracy"].tolist(),
                "name": label,
                "uid": f"front-{dataset}",
                "line": {"color": FRONT_COLOUR, "width": 1.5, "dash": FRONT_DASHES[index % len(FRONT_DASHES)], "shape": "hv"},
                "hoverinfo": "skip",
            }
        )
    return traces


def markers(rows: pd.DataFrame, role: str, cost: Cost, marked: Collection[str] = ()) -> dict[str, Any]:
    """Return the markers of one role with their intervals; pale where other runs are marked."""
    style = role_look(role)
    unsure = rows["accuracy_evidence"].isin(UNSURE) | rows[cost.evidence].isin(UNSURE)
    return {
        "type": "scatter",
        "mode": "markers",
        "x": rows[cost.column].tolist(),
        "y": rows["accuracy"].tolist(),
        "name": called(rows, role),
        "uid": f"models-{role}",
        "legendrank": LAST // 2 + (role in OUTCOMES),
        "customdata": [[run] for run in rows["run"]],
        "text": [describe(row, cost) for row in rows.to_dict("records")],
        "hovertemplate": "%{text}<extra></extra>",
        "marker": {
            "color": style.colour,
            "symbol": [f"{style.symbol}-open" if hollow else style.symbol for hollow in unsure],
            "size": MARKER_SIZE,
            "opacity": [1.0 if run in marked or not marked else PALE for run in rows["run"]],
            "line": {"width": 1.5, "color": style.colour},
        },
        "error_y": {
            "type": "data",
            "symmetric": False,
            "array": (rows["high"] - rows["accuracy"]).clip(lower=0).fillna(0).tolist(),
            "arrayminus": (rows["accuracy"] - rows["low"]).clip(lower=0).fillna(0).tolist(),
            "color": translucent(style.colour, 0.55),
            "thickness": 1.5,
            "width": 3,
        },
    }


def called(rows: pd.DataFrame, role: str) -> str:
    """Return what a role is called where rows of it may have titles of their own, in a column `called`."""
    return " / ".join(dict.fromkeys(rows["called"])) if "called" in rows else role_title(role)


def highlight(rows: pd.DataFrame, cost: Cost, names: Mapping[str, str], middle: float) -> dict[str, Any]:
    """Return a ring around each point of a marked run, with the run's name on the side where there is room.

    Args:
        middle: the cost in the middle of the axis.
    """
    return {
        "type": "scatter",
        "mode": "markers+text",
        "x": rows[cost.column].tolist(),
        "y": rows["accuracy"].tolist(),
        "name": _("Marked"),
        "meta": "marked",
        "text": [escape(names[run]) for run in rows["run"]],
        "textposition": _beside(rows[cost.column], rows["accuracy"], middle),
        "hoverinfo": "skip",
        "legendrank": LAST,
        "marker": {"symbol": "circle-open", "size": 2 * MARKER_SIZE, "color": MARK_COLOUR, "line": {"width": 3}},
    }


def _beside(costs: pd.Series, accuracies: pd.Series, middle: float) -> list[str]:
    """Return where each name stands: towards the middle of the chart, that of the lowest point below it, of the highest above."""
    places = accuracies.rank(method="first")
    heights = ["bottom" if place == 1 else "top" if place == len(places) else "middle" for place in places]
    return [f"{height} {'right' if at <= middle else 'left'}" for at, height in zip(costs, heights, strict=True)]


def describe(row: dict[str, Any], cost: Cost) -> str:
    """Return what hovering over a model says."""
    interval = _("{low} to {high}").format(low=format_percent(row["low"]), high=format_percent(row["high"]))
    lines = [
        f"<b>{row.get('called') or role_title(row['role'])}</b> · {escape(row['model'])} · {escape(row['dataset'])}",
        f"{format_percent(row['accuracy'])} ({interval}), {evidence_title(row['accuracy_evidence'])}",
        f"{cost.show(row[cost.column])}, {evidence_title(row[cost.evidence])}",
        *([escape(row["title"])] if row["title"] else []),
        _("Click to open the run"),
    ]
    return "<br>".join(lines)


def escape(text: Any) -> str:
    """Return a text that the chart shows as it is: its hover labels read some HTML."""
    return str(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
