"""What the Compare page shows, kept in its address: the filter, the cost on the x axis and the runs side by side."""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import pandas as pd
import streamlit as st

from compression.charts.style import ROLES, role_title
from compression.charts.tradeoff import COSTS
from compression.texts import gettext as _
from compression.texts import mark
from ui.address.settings import plain
from ui.run import search
from ui.run.words import kind_title

COST_TITLES = {"size": mark("Size"), "latency": mark("Latency"), "macs": mark("Computation")}
MOST_RUNS = 8


@dataclass(frozen=True)
class View:
    """What the address asks for; `problems` says in sentences what of it makes no sense and was left out."""

    find: str
    lists: Mapping[str, list[str]]
    cost: str
    runs: list[str]
    problems: list[str]


def options(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Return what the filter offers: the roles, kinds and datasets that occur, by the names of their settings."""
    return {
        "role": [role for role in ROLES if role in set(frame["role"])],
        "kind": sorted(frame["kind"].dropna().unique()),
        "dataset": sorted(frame["dataset"].dropna().unique()),
    }


def read(frame: pd.DataFrame) -> View:
    """Return what the address asks for, as far as it makes sense."""
    problems: list[str] = []
    lists = {name: _known(_listed(name), offered, name, problems) for name, offered in options(frame).items()}
    cost = st.query_params.get("x", "size")
    if cost not in COSTS:
        wrong = _("The address asks for the x axis “{given}”; there are {known}, and size is shown.")
        problems.append(wrong.format(given=plain(cost), known=", ".join(COSTS)))
        cost = "size"
    runs = _listed("runs")
    missing = [run for run in runs if run not in set(frame["run"])]
    if missing:
        wrong = _("The address names runs that are not among the finished ones, {missing}; they are left out.")
        problems.append(wrong.format(missing=plain(", ".join(missing))))
    runs = [run for run in runs if run not in missing]
    if len(runs) > MOST_RUNS:
        problems.append(_("At most {most} runs stand side by side; the first of them are shown.").format(most=MOST_RUNS))
    return View(st.query_params.get("find", ""), lists, cost, runs[:MOST_RUNS], problems)


def _listed(name: str) -> list[str]:
    return list(dict.fromkeys(part for part in st.query_params.get(name, "").split(",") if part))


def _known(given: Sequence[str], offered: Sequence[str], name: str, problems: list[str]) -> list[str]:
    wrong = [value for value in given if value not in offered]
    if wrong:
        sentence = _("The address asks for the {name} {wrong}, of which there is nothing here; it is left out.")
        problems.append(sentence.format(name=name, wrong=plain(", ".join(wrong))))
    return [value for value in given if value in offered]


def write(name: str, value: str | Iterable[str] | None) -> None:
    """Put a setting into the address; an empty one, and the x axis that is the default, leave it."""
    text = value if isinstance(value, str) else ",".join(value or ())
    if not text or (name, text) == ("x", "size"):
        st.query_params.pop(name, None)
    else:
        st.query_params[name] = text


def forget(*names: str) -> None:
    """Take settings out of the address."""
    for name in names:
        st.query_params.pop(name, None)


def filter_controls(view: View, offered: Mapping[str, list[str]]) -> None:
    """Draw the filter; whatever is chosen goes into the address, which alone decides what is shown."""
    columns = st.columns([3, 3, 2, 2], gap="small")
    with columns[0]:
        key = _hold("find", view.find)
        placeholder = _("Network, setting, title, owner")
        st.text_input(_("Find"), key=key, type="search", placeholder=placeholder, on_change=_keep, args=("find",), live=True)
    titles = {"role": (_("Role"), role_title), "kind": (_("Kind"), kind_title), "dataset": (_("Dataset"), str)}
    for column, (name, (title, shown)) in zip(columns[1:], titles.items(), strict=True):
        key = _hold(name, view.lists[name])
        column.multiselect(title, offered[name], key=key, format_func=shown, placeholder=_("All"), on_change=_keep, args=(name,))


def cost_control(view: View) -> None:
    """Draw the choice of the x axis."""
    names = {name: _(title) for name, title in COST_TITLES.items()}
    key = _hold("x", view.cost)
    st.segmented_control(
        _("Accuracy against"), names, key=key, format_func=names.get, required=True, on_change=_keep, args=("x",), width="content"
    )


def _hold(name: str, value: Any) -> str:
    # Set only where it differs: a value that is set anew would overwrite what is being typed.
    key = f"compare-{name}"
    if st.session_state.get(key) != value:
        st.session_state[key] = value
    return key


def _keep(name: str) -> None:
    write(name, st.session_state[f"compare-{name}"])


def matching(frame: pd.DataFrame, view: View) -> pd.DataFrame:
    """Return the models that the filter lets through: every word occurs somewhere in the row, every list has its value."""
    kept = pd.Series(True, index=frame.index)
    for name, chosen in view.lists.items():
        if chosen:
            kept &= frame[name].isin(chosen)
    searched = ["title", "kind", "dataset", "role", "model", "settings", "who"]
    texts = frame[searched].astype(str).agg(" ".join, axis=1) if len(frame) else frame["run"]
    return frame[kept & search.matching(texts, frame["run"], view.find)]
