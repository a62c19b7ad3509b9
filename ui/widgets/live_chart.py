"""A chart that is redrawn in place: no flicker, and the reader's zoom and hidden legend entries stay."""

from pathlib import Path

import plotly.graph_objects as go
import streamlit as st

from compression.texts import gettext as _
from ui.server.plotly_js import PLOTLY_PATH

HERE = Path(__file__).parent

_mount = st.components.v2.component(
    "compression_lab.live_chart",
    html='<div class="live-chart" role="img"></div>',
    css=(HERE / "live_chart.css").read_text(encoding="utf-8"),
    js=(HERE / "live_chart.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


def live_chart(
    figure: go.Figure | str, *, key: str, label: str, height: int | None = None, clickable: bool = False
) -> str | None:
    """Show a Plotly figure in a frame of fixed height; called again with the same key it redraws without a rebuild.

    Args:
        figure: the figure, or its JSON where the caller keeps that; its colours of text and grid come from the page's theme.
        key: names the chart on its page.
        label: what the chart shows, for screen readers and as the name of a saved picture.
        height: pixels; the figure's own by default.
        clickable: whether a click on a point is an answer.

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
        "words": {
            "reset": _("Show everything again"),
            "missing": _("The chart could not be loaded from the server; reload the page to try again."),
        },
    }
    shown = _mount(key=key, data=data, height=height, on_selected_change=lambda: None)
    return shown.selected if clickable else None
