"""The looks that all charts share: one colour and one second cue a role, quiet axes, no background of their own."""

import zlib
from dataclasses import dataclass
from typing import Any

from compression.roles import parted

HEIGHT = 320  # pixels
MAXIMUM_POINTS = 1_000  # a trace; more than a screen can show and slow to redraw
BAND_OPACITY = 0.16
GRID = "rgba(128,128,128,0.22)"
RUN_DASHES = ("solid", "dash", "dot", "dashdot")
LEGIBLE = 17  # pixels; read from the fifth row where the page is thrown on a wall
NUMBER = "~g"
MARK_COLOUR = "#E69F00"


@dataclass(frozen=True)
class Role:
    """How a role is drawn: a colour of Okabe and Ito's palette, a dash and a marker."""

    colour: str
    dash: str
    symbol: str


ALL = 1.009  # where an axis of ratios ends: room for a curve at 100 %, and none for a label at 101 %
ROLES = {
    "teacher": Role("#0072B2", "dash", "square"),
    "baseline": Role("#7F7F7F", "dot", "triangle-up"),
    "student": Role("#D55E00", "solid", "circle"),
    "original": Role("#0072B2", "dash", "square"),
    "compressed": Role("#009E73", "solid", "diamond"),
}


# What is left of the palette once the roles above have theirs, and orange, which marks points.
OTHERS = (
    Role("#CC79A7", "6px 3px", "pentagon"),
    Role("#56B4E9", "dashdot", "hexagon"),
    Role("#009E73", "longdashdot", "star"),
    Role("#8C6D1F", "5px 2px", "cross"),
)


def role_look(role: str) -> Role:
    """Return how a role is drawn; roles that schemes bring are told apart by the number at their end, or by their name."""
    if role in ROLES:
        return ROLES[role]
    stem, number = parted(role)
    return OTHERS[(number - 1 if number else zlib.crc32(stem.encode())) % len(OTHERS)]


def translucent(colour: str, opacity: float) -> str:
    """Return a #RRGGBB colour as rgba(…) of that opacity."""
    red, green, blue = (int(colour[start : start + 2], 16) for start in (1, 3, 5))
    return f"rgba({red},{green},{blue},{opacity})"


def axis(title: str, **more: Any) -> dict[str, Any]:
    """Return a quiet axis with its title; the title names the unit."""
    shared = {"gridcolor": GRID, "zeroline": False, "linecolor": GRID, "ticks": "", "automargin": True}
    return {"title": {"text": title, "standoff": 8, "font": {"size": 13}}, **shared, **more}


def logarithmic_axis(title: str, **more: Any) -> dict[str, Any]:
    """Return a logarithmic axis whose labels are all complete numbers: without a format plotly writes 5 for 0.5 and for 50."""
    return axis(title, **{"type": "log", "tickformat": NUMBER, "hoverformat": ".3~g", **more})


def percent_axis(title: str, **more: Any) -> dict[str, Any]:
    """Return an axis of ratios that reads in percent."""
    return axis(title, tickformat=".3~%", hoverformat=".1%", **more)


def layout(title: str, *, uirevision: str, height: int = HEIGHT, **more: Any) -> dict[str, Any]:
    """Return a layout that stands on any background and keeps what a person zoomed or hid while `uirevision` stays the same."""
    return {
        "title": {
            "text": title,
            "font": {"size": 15},
            "x": 0,
            "xref": "container",
            "xanchor": "left",
            "y": 1,
            "yanchor": "top",
            "pad": {"t": 8, "l": 4},
        },
        "uirevision": uirevision,
        "height": height,
        "margin": {"l": 8, "r": 12, "t": 64, "b": 8},
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "legend": {"orientation": "h", "x": 0, "y": 1.0, "yanchor": "bottom", "itemwidth": 30, "bgcolor": "rgba(0,0,0,0)"},
        "hovermode": "closest",
        **more,
    }


def enlarged(figure: Any, size: int = LEGIBLE) -> Any:
    """Let all words of a figure be that large, in pixels, so that a room can read them; returns the figure."""
    figure.update_layout(font_size=size, legend_font_size=size, hoverlabel_font_size=size)
    figure.update_xaxes(title_font_size=size, tickfont_size=size)
    figure.update_yaxes(title_font_size=size, tickfont_size=size)
    return figure


def decimate(count: int, limit: int = MAXIMUM_POINTS) -> list[int]:
    """Return at most `limit` evenly spread positions of a trace of `count` points, the first and the last among them."""
    if count <= limit:
        return list(range(count))
    return [round(index * (count - 1) / (limit - 1)) for index in range(limit)]
