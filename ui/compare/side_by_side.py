"""Runs side by side: accuracy over what differs, their curves in one chart, and a table with a row a run."""

from collections.abc import Mapping, Sequence
from typing import Any

import pandas as pd
import streamlit as st

from compression.charts.comparison import overlaid_curves
from compression.charts.curves import TITLES
from compression.charts.style import enlarged
from compression.roles import roles_in_order
from compression.runs.records import Run
from compression.texts import gettext as _
from ui.address.settings import Address, refused
from ui.compare import over_setting, results, which_is_better
from ui.compare.filter import clear
from ui.compare.names import key as key_of
from ui.compare.names import names as names_of
from ui.run.differences import OUTCOMES, in_common, leaves, numbers, ordered, setting_title, settings_rows
from ui.run.feed import watch
from ui.run.words import as_text, titles
from ui.widgets.live_chart import live_chart

METRICS = ("val_accuracy", "val_loss", "agreement")
CHART_HEIGHT = 400  # pixels
MOST_VERDICTS = 8  # in a picture


def show(address: Address, runs: Sequence[Run], viewer: str) -> None:
    """Draw the runs side by side, sorted by what differs; with one run alone, say how to add another."""
    runs = ordered(runs)
    names = names_of(runs)
    with st.container(key="compare-side-by-side"):
        with st.container(horizontal=True, vertical_alignment="center", horizontal_alignment="distribute"):
            st.subheader(title(runs), anchor=False)
            st.button(_("Clear"), icon=":material/close:", on_click=clear(address, "runs"), type="tertiary")
        st.caption(as_text(in_common(runs)))
        if len(runs) < 2:
            st.caption(_("Mark a model of another run in the table to see what differs between the two."))
            return
        if not settings_rows(runs):
            st.caption(_("These runs have the same settings."))
        if key := key_of(runs, names):
            st.markdown("\n".join(f"- {as_text(line)}" for line in key))
        if better := which_is_better.sentence(runs, names):
            st.markdown(better)
        picture = {"title": title(runs), "notes": notes(runs, names)}
        over_setting.show(address, runs, names, picture)
        results.show(runs, names, viewer)
        curves(address, runs, names, picture)


def title(runs: Sequence[Run]) -> str:
    """Return what is compared: the one setting with its values, or the settings that differ."""
    rows = settings_rows(runs)
    if len(rows) == 1:
        ((path, values),) = rows.items()
        return f"{setting_title(path)}: {', '.join(dict.fromkeys(values))}"
    told = ", ".join(setting_title(path) for path in list(rows)[:3])
    return _("Side by side: {what}").format(what=told) if told else _("Side by side")


def notes(runs: Sequence[Run], names: Mapping[str, str]) -> list[str]:
    """Return what a picture says below its title: what the runs share, and their verdicts."""
    told = [f"{names[run.id]}: {sentence}" for run in runs if (sentence := results.verdict_sentence(run))]
    verdicts = _("Verdicts: {verdicts}").format(verdicts="; ".join(told[:MOST_VERDICTS]))
    return [in_common(runs), *key_of(runs, names), *([verdicts] if told else [])]


def in_order(runs: Sequence[Run]) -> bool:
    """Tell whether the one setting in which the runs differ is a number, so that their order means something."""
    rows = settings_rows(runs)
    return len(rows) == 1 and numbers(leaves(run.spec).get(next(iter(rows))) for run in runs)


def curves(address: Address, runs: Sequence[Run], names: Mapping[str, str], picture: Mapping[str, Any]) -> None:
    """Draw the curves of the runs in one chart, with a choice of metric and roles, and their numbers as CSV."""
    frame = pd.concat([watch(run.id).frame.assign(run=run.id) for run in runs], ignore_index=True)
    metrics = [metric for metric in METRICS if metric in set(frame["metric"])]
    roles = roles_in_order(frame["role"])
    if not metrics or not roles:
        st.caption(_("These runs kept no curves."))
        return
    with st.container(horizontal=True, vertical_alignment="bottom"):
        metric = _choose_metric(address, metrics)
        shown = _choose_roles(address, roles, runs)
    label = _("{metric} of the chosen runs over epochs").format(metric=_(TITLES[metric]))
    named = {run.id: titles(run.spec) for run in runs}
    figure = overlaid_curves(
        frame, metric, names, shown, titles=named, ordered=in_order(runs), height=CHART_HEIGHT, revision=metric
    )
    live_chart(enlarged(figure), key="compare-chart-curves", label=label, height=CHART_HEIGHT, **picture)
    drawn = frame[(frame["metric"] == metric) & frame["role"].isin(shown)]
    told = [_("Lines are means over seeds, bands go from the lowest to the highest seed.")]
    if absent := [name for run, name in names.items() if run not in set(drawn["run"])]:
        told.append(_("Without such a curve: {runs}.").format(runs="; ".join(absent)))
    st.caption(as_text(" ".join(told)))
    as_file = {"mime": "text/csv", "icon": ":material/download:", "on_click": "ignore"}
    st.download_button(_("These curves as CSV"), lambda: results.curves_csv(runs, names, drawn), "curves.csv", **as_file)


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


def _choose_roles(address: Address, roles: Sequence[str], runs: Sequence[Run]) -> list[str]:
    """Draw the choice of the roles whose curves are drawn; one that these runs lack stays chosen for the next."""
    default = [role for role in roles if role in OUTCOMES] or list(roles)
    chosen = address.read("curves", default, lambda text: roles_in_order(text.split(",")))
    st.session_state[address.key("curves")] = [role for role in chosen if role in roles]
    looks = {"selection_mode": "multi", "format_func": lambda role: results.role_called(role, runs), "persist_state": "session"}
    shown = st.pills(_("Roles"), roles, key=address.key("curves"), **looks)
    address.keep("curves", shown or "none")
    return shown
