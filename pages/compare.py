"""Compare: every finished model in one chart and one table, and runs side by side."""

import pandas as pd
import streamlit as st

from compression.charts.tradeoff import HEIGHT, tradeoff
from compression.runs import newest
from compression.runs.records import FINISHED
from compression.texts import gettext as _
from ui.address.settings import Address
from ui.compare import filter as compare_filter
from ui.compare import models_table, series, side_by_side
from ui.compare.names import names
from ui.frame.pages import COMPARE, COMPRESS, DISTILL, RUNS, header
from ui.run.differences import ordered
from ui.server.identity import owner
from ui.widgets.live_chart import live_chart


def invite() -> None:
    """Say what to do while there is nothing to compare."""
    with st.container(border=True):
        st.subheader(_("Nothing to compare yet"), anchor=False)
        st.markdown(_("Finish a first run, and its networks appear here: accuracy against size, latency and computation."))
        with st.container(horizontal=True):
            st.page_link(DISTILL.page(), label=_("Teach a small network"), icon=DISTILL.icon)
            st.page_link(COMPRESS.page(), label=_("Compress a network"), icon=COMPRESS.icon)


def show_chart(models: pd.DataFrame, view: compare_filter.View, names: dict[str, str]) -> None:
    """Draw accuracy against the chosen cost, the marked runs with their names; a click on a point opens its run."""
    label = _("Accuracy of every finished model against its cost")
    figure = tradeoff(models, view.cost, marked=names)
    run = live_chart(figure, key="compare-chart-models", label=label, height=HEIGHT, clickable=True)
    if run is not None:
        st.switch_page(RUNS.page(), query_params={"run": str(run)})


def show_models(address: Address, models: pd.DataFrame, view: compare_filter.View, names: dict[str, str]) -> None:
    """Draw the models that the filter lets through: the chart, the table and its file."""
    compare_filter.filter_controls(address, compare_filter.options(everything))
    if models.empty:
        st.info(_("No model matches this filter."), icon=":material/filter_alt_off:")
        st.button(_("Clear the filter"), on_click=compare_filter.clear(address, "find", "role", "kind", "dataset"))
        return
    compare_filter.cost_control(address)
    shown, settings = models_table.with_settings(models_table.one_per_network(models, view.runs), runs)
    show_chart(shown, view, names)
    models_table.show(address, shown, view.runs, settings)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.caption(compare_filter.count_sentence(len(shown), len(models), len(everything)))
        as_file = {"mime": "text/csv", "icon": ":material/download:", "on_click": "ignore"}
        st.download_button(_("These models as CSV"), lambda: models_table.csv(shown), "models.csv", **as_file)


header(COMPARE)
runs = {run.id: run for run in newest(states=(FINISHED,))}
everything = models_table.models(list(runs.values()), owner())
address = Address("compare")
view = compare_filter.read(address, everything)
notes = st.container()
if everything.empty:
    invite()
else:
    chosen = [runs[run] for run in view.runs]
    series.offer(list(runs.values()))
    above, below = st.container(), st.container()
    with above if view.comparison_first else below:
        if chosen:
            side_by_side.show(address, chosen, owner())
    with below if view.comparison_first else above:
        show_models(address, compare_filter.matching(everything, view), view, names(ordered(chosen)))
with notes:
    address.write()
