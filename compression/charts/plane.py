"""An outcome over two settings, as a heat map that fills as runs finish."""

from collections.abc import Sequence
from typing import Any

import pandas as pd
import plotly.graph_objects as go

from compression.charts.style import axis, layout
from compression.charts.tradeoff import escape

ROW_HEIGHT, AROUND = 44, 150  # pixels
COLOURS = "Cividis"
AS_GOOD = "●"


def outcome_over_two(
    points: pd.DataFrame,
    settings: tuple[str, str],
    places: tuple[Sequence[str], Sequence[str]],
    outcome: str,
    revision: str,
    *,
    shares: bool,
) -> go.Figure:
    """Draw one outcome over two settings: a cell a run, its number written in it; the first `customdata` of a cell is its run.

    Args:
        points: first, second (texts), value (a number or missing), told (text), hover (text, with the interval), as_good
            (whether it cannot be told apart from the best), run.
        settings: what the upwards and the rightwards axis are called.
        places: the texts of all values of the two settings, in order.
        outcome: what the colour shows, with its unit.
        revision: zoom is kept while it stays the same.
        shares: whether the outcome is a ratio that reads in percent.
    """
    trace = _trace(
        points, settings, places, {"title": {"text": escape(outcome), "side": "right"}, "tickformat": ".0%" if shares else ""}
    )
    across = axis(escape(settings[1]), type="category", categoryorder="array", categoryarray=trace["x"], showgrid=False)
    upwards = axis(escape(settings[0]), type="category", categoryorder="array", categoryarray=trace["y"], showgrid=False)
    looks = layout("", uirevision=revision, height=AROUND + ROW_HEIGHT * len(places[0]), xaxis=across, yaxis=upwards)
    return go.Figure(data=[trace], layout={**looks, "title": None})


def _trace(
    points: pd.DataFrame, settings: tuple[str, str], places: tuple[Sequence[str], Sequence[str]], colours: dict[str, Any]
) -> dict[str, Any]:
    rows, columns = places
    cells = {(point.first, point.second): point for point in points.itertuples()}
    grid = [[cells.get((row, column)) for column in columns] for row in rows]
    return {
        "type": "heatmap",
        "x": [escape(column) for column in columns],
        "y": [escape(row) for row in rows],
        "z": [[None if cell is None or pd.isna(cell.value) else cell.value for cell in line] for line in grid],
        "text": [["" if cell is None else _marked(cell.told, cell.as_good) for cell in line] for line in grid],
        "hovertext": [["" if cell is None else _marked(cell.hover, cell.as_good) for cell in line] for line in grid],
        "customdata": [[[None if cell is None else cell.run] for cell in line] for line in grid],
        "texttemplate": "%{text}",
        "hovertemplate": f"{escape(settings[0])} %{{y}}, {escape(settings[1])} %{{x}}<br>%{{hovertext}}<extra></extra>",
        "hoverongaps": False,
        "colorscale": COLOURS,
        "colorbar": {**colours, "outlinewidth": 0, "thickness": 14},
        "xgap": 2,
        "ygap": 2,
        "meta": "plane",
    }


def _marked(text: str, as_good: bool) -> str:
    return f"{text} {AS_GOOD}" if as_good else text
