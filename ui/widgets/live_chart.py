"""A chart that is redrawn in place: no flicker, and the reader's zoom and hidden legend entries stay."""

from collections.abc import Sequence
from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from compression.texts import gettext as _
from ui.server.plotly_js import PLOTLY_PATH

HERE = Path(__file__).parent

_mount = st.components.v2.component(
    "compression_lab.live_chart",
    html='<div class="live-chart" role="group" tabindex="0"></div><div class="live-chart-told" aria-live="polite"></div>',
    css=(HERE / "live_chart.css").read_text(encoding="utf-8"),
    js=(HERE / "live_chart.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def live_chart(
    figure: go.Figure | str,
    *,
    key: str,
    label: str,
    height: int | None = None,
    clickable: bool = False,
    title: str = "",
    notes: Sequence[str] = (),
) -> str | None:
    """Show a Plotly figure in a frame of fixed height; called again with the same key it redraws without a rebuild.

    Args:
        figure: the figure, or its JSON where the caller keeps that; its colours of text and grid come from the page's theme.
        key: names the chart on its page.
        label: what the chart shows, for screen readers and as the name of a saved picture.
        height: pixels; the figure's own by default.
        clickable: whether a click on a point is an answer, or Enter on one that the arrow keys have reached.
        title: of a saved picture; the label by default.
        notes: lines below that title, such as settings and a verdict.

    Returns:
        The first `customdata` of the point just clicked, in the one rerun that the click causes; otherwise None.
    """
    if height is None:
        height = int(figure.layout.height or 320) if isinstance(figure, go.Figure) else 320
    data = {
        "figure": figure if isinstance(figure, str) else figure.to_json(validate=False),
        "height": height,
        "label": label,
        "file": label.lower().replace(" ", "-"),
        "plotly": PLOTLY_PATH,
        "clickable": clickable,
        "title": title or label,
        "notes": list(notes),
        "words": _words(),
    }
    shown = _mount(key=key, data=data, height=height, on_selected_change=lambda: None)
    return shown.selected if clickable else None


def _words() -> dict[str, str]:
    return {
        "save": _("Save this chart as a picture"),
        "keys": _("Arrow keys go from point to point."),
        "enter": _("Arrow keys go from point to point, Enter opens one."),
        "reset": _("Show everything again"),
        "missing": _("The chart could not be loaded from the server; reload the page to try again."),
    }
