"""Runs side by side: only what differs, and their curves in one chart."""

from collections.abc import Sequence

import pandas as pd
import streamlit as st

from compression.charts.comparison import overlaid_curves
from compression.charts.curves import TITLES
from compression.charts.style import ROLES, role_title
from compression.runs.records import Run
from compression.texts import gettext as _
from ui.address.settings import Address, refused
from ui.compare.filter import clear
from ui.compare.results import results_rows
from ui.frame.pages import RUNS
from ui.run.differences import OUTCOMES, Rows, labels, settings_rows
from ui.run.feed import watch
from ui.run.words import age_text, as_text, owner_text, what
from ui.widgets.live_chart import live_chart
from ui.widgets.table_height import table_height

METRICS = ("val_accuracy", "val_loss", "agreement")
CHART_HEIGHT = 380  # pixels
MOST_ROWS_SHOWN = 20


def show(address: Address, runs: Sequence[Run], viewer: str) -> None:
    """Draw the runs side by side; with one run alone, say how to add another."""
    names = labels(runs)
    with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
        st.subheader(_("Side by side"), anchor=False)
        st.button(_("Clear"), icon=":material/close:", on_click=clear(address, "runs"), type="tertiary")
    summaries(runs, names, viewer)
    if len(runs) < 2:
        st.caption(_("Mark a model of another run in the table to see what differs between the two."))
        return
    rows = {_("Settings"): settings_rows(runs), _("Results"): results_rows(runs)}
    table = difference_table(rows, list(names.values()))
    if not rows[_("Settings")]:
        st.caption(_("These runs have the same settings."))
    st.dataframe(table, hide_index=True, height=table_height(len(table), MOST_ROWS_SHOWN))
    st.download_button(
        _("These differences as CSV"),
        lambda: table.to_csv(index=False),
        "differences.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )
    curves(address, runs, names)


def summaries(runs: Sequence[Run], names: dict[str, str], viewer: str) -> None:
    """Draw a box for each run: its name here, what it does, and the way to its page."""
    with st.container(horizontal=True, gap="small"):
        for run in runs:
            with st.container(border=True, width=300, gap="xxsmall", key=f"compare-run-{run.id}"):
                title = as_text(names[run.id] if len(runs) > 1 else what(run))
                st.markdown(f"**{title}**")
                st.caption(as_text(f"{what(run)} · {owner_text(run.owner, viewer)}, {age_text(run.created)}"))
                arrow = {"icon": ":material/arrow_forward:", "icon_position": "right"}
                st.page_link(RUNS.page(), label=_("Open the run"), query_params={"run": run.id}, **arrow)


def difference_table(groups: dict[str, Rows], names: Sequence[str]) -> pd.DataFrame:
    """Return the rows that differ: what they are about, and a column a run."""
    rows = [[group, name, *values] for group, told in groups.items() for name, values in told.items()]
    return pd.DataFrame(rows, columns=["", _("What differs"), *names])


def curves(address: Address, runs: Sequence[Run], names: dict[str, str]) -> None:
    """Draw the curves of the runs in one chart, with a choice of metric and roles, and their numbers as CSV."""
    frame = pd.concat([watch(run.id).frame.assign(run=run.id) for run in runs], ignore_index=True)
    metrics = [metric for metric in METRICS if metric in set(frame["metric"])]
    roles = [role for role in ROLES if role in set(frame["role"])]
    if not metrics or not roles:
        st.caption(_("These runs kept no curves."))
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        metric = _choose_metric(address, metrics)
        shown = _choose_roles(address, roles)
    label = _("{metric} of the chosen runs over epochs").format(metric=_(TITLES[metric]))
    figure = overlaid_curves(frame, metric, names, shown, height=CHART_HEIGHT, revision=metric)
    figure.update_layout(title=None, margin_t=40)
    live_chart(figure, key="compare-chart-curves", label=label, height=CHART_HEIGHT)
    st.caption(_("The colour says the role; dash and shade say the run. Lines are means over seeds."))
    st.download_button(
        _("These curves as CSV"),
        lambda: frame[(frame["metric"] == metric) & frame["role"].isin(shown)].to_csv(index=False),
        "curves.csv",
        "text/csv",
        icon=":material/download:",
        on_click="ignore",
    )


def _choose_metric(address: Address, metrics: Sequence[str]) -> str:
    def understand(text: str) -> str:
        if text not in metrics:
            allowed = _("allowed is one of {names}").format(names=", ".join(metrics))
            raise refused(_("the curves"), text, allowed, metrics[0])
        return text

    if address.read("metric", metrics[0], understand) not in metrics:
        st.session_state[address.key("metric")] = metrics[0]
    looks = {"format_func": lambda name: _(TITLES[name]), "required": True, "persist_state": "session"}
    metric = st.segmented_control(_("Curves"), metrics, key=address.key("metric"), **looks)
    address.keep("metric", metric)
    return metric


def _choose_roles(address: Address, roles: Sequence[str]) -> list[str]:
    """Draw the choice of the roles whose curves are drawn; one that these runs lack stays chosen for the next."""
    default = [role for role in roles if role in OUTCOMES] or list(roles)
    chosen = address.read("curves", default, lambda text: [role for role in ROLES if role in text.split(",")])
    st.session_state[address.key("curves")] = [role for role in chosen if role in roles]
    looks = {"selection_mode": "multi", "format_func": role_title, "persist_state": "session"}
    shown = st.pills(_("Roles"), roles, key=address.key("curves"), **looks)
    address.keep("curves", shown or "none")
    return shown
