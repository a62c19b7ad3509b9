"""What the Compare page shows: the filter, the cost on the x axis and the runs side by side."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from compression.charts.tradeoff import COSTS
from compression.roles import role_title, roles_in_order
from compression.texts import gettext as _
from compression.texts import mark, ngettext
from ui.address.settings import Address, plain, refused
from ui.run import search
from ui.run.differences import MOST_COMPARED
from ui.run.words import kind_title

COST_TITLES = {"size": mark("Size"), "latency": mark("Latency"), "macs": mark("Computation")}
EVERYTHING, FIRST = "all", "compare-comparison-first"
LONGEST_SEARCH = 200  # characters


@dataclass(frozen=True)
class View:
    """What the page shows: models that have all words of `find` and one value of each list, and runs side by side."""

    find: str
    lists: Mapping[str, list[str]]
    cost: str
    runs: list[str]
    comparison_first: bool = False


def options(frame: pd.DataFrame) -> dict[str, list[str]]:
    """Return what the filter offers: the roles, kinds and datasets that occur, by the names of their settings."""
    return {
        "role": roles_in_order(frame["role"]),
        "kind": sorted(frame["kind"].dropna().unique()),
        "dataset": sorted(frame["dataset"].dropna().unique()),
    }


def read(address: Address, frame: pd.DataFrame) -> View:
    """Return what the page shows, and keep it in the address; an empty list of the filter means everything."""
    find = address.read("find", "", lambda text: text[:LONGEST_SEARCH])
    address.keep("find", find)
    linked = address.asks("runs") is not None
    runs = _read_runs(address, set(frame["run"]))
    usual = {"dataset": _usual_datasets(frame, runs)}
    lists = {name: _read_list(address, name, offered, usual.get(name, [])) for name, offered in options(frame).items()}
    cost = address.read("x", "size", _understand_cost)
    address.keep("x", cost)
    return View(find, lists, cost, runs, _comes_first(runs, linked=linked))


def _usual_datasets(frame: pd.DataFrame, runs: Sequence[str]) -> list[str]:
    """Return the datasets shown at first: those of the runs side by side, else that of the newest run."""
    chosen = frame[frame["run"].isin(list(runs))] if runs else frame.head(1)
    return sorted(chosen["dataset"].dropna().unique())


def _comes_first(runs: Sequence[str], *, linked: bool) -> bool:
    """Tell whether the comparison stands above all models: where a link asks for it; marking rows must not move the table."""
    if linked or not runs:
        st.session_state[FIRST] = bool(runs)
    return st.session_state.get(FIRST, False)


def _read_list(address: Address, name: str, offered: Sequence[str], usual: Sequence[str]) -> list[str]:
    sentence = _("The link asks for the {name} {missing}, of which there is nothing here; it is left out.")
    chosen = address.read(name, list(usual), lambda text: _known(text, offered, sentence, name))
    chosen = st.session_state[address.key(name)] = [value for value in chosen if value in offered]
    address.keep(name, chosen or EVERYTHING)
    return chosen


def _understand_cost(text: str) -> str:
    if text not in COSTS:
        raise refused(_("the x axis"), text, _("allowed is one of {names}").format(names=", ".join(COSTS)), "size")
    return text


def _read_runs(address: Address, finished: set[str]) -> list[str]:
    """Return the runs side by side; those that are gone stay out, and so do those past the most there is room for."""
    sentence = _("The link names runs that are not among the finished ones, {missing}; they are left out.")
    runs = address.read("runs", [], lambda text: _known(text, finished, sentence))
    runs = [run for run in runs if run in finished]
    if len(runs) > MOST_COMPARED:
        address.notes.append(_("At most {most} runs stand side by side; the first of them are shown.").format(most=MOST_COMPARED))
    runs = st.session_state[address.key("runs")] = runs[:MOST_COMPARED]
    address.keep("runs", runs)
    return runs


def _known(text: str, offered: Sequence[str] | set[str], sentence: str, name: str = "") -> list[str]:
    """Return the values of a list in the address.

    Raises:
        ValueError: some are not offered; the sentence names them, and the others are carried.
    """
    given = list(dict.fromkeys(part for part in text.split(",") if part and part != EVERYTHING))
    if missing := [value for value in given if value not in offered]:
        told = sentence.format(name=name, missing=plain(", ".join(missing)))
        raise ValueError(told, [value for value in given if value in offered])
    return given


def clear(address: Address, *names: str) -> Callable[[], None]:
    """Return what empties settings, for a button."""

    def act() -> None:
        for name in names:
            st.session_state[address.key(name)] = "" if name == "find" else []

    return act


def filter_controls(address: Address, offered: Mapping[str, list[str]]) -> None:
    """Draw the filter."""
    columns = st.columns([3, 3, 2, 2], gap="small")
    with columns[0]:
        looks = {"type": "search", "placeholder": _("Network, setting, title, owner"), "live": True, "persist_state": "session"}
        st.text_input(_("Find"), key=address.key("find"), max_chars=LONGEST_SEARCH, **looks)
    titles = {"role": (_("Role"), role_title), "kind": (_("Kind"), kind_title), "dataset": (_("Dataset"), str)}
    for column, (name, (title, shown)) in zip(columns[1:], titles.items(), strict=True):
        looks = {"format_func": shown, "placeholder": _("All"), "persist_state": "session"}
        column.multiselect(title, offered[name], key=address.key(name), **looks)


def cost_control(address: Address) -> None:
    """Draw the choice of the x axis."""
    names = {name: _(title) for name, title in COST_TITLES.items()}
    looks = {"format_func": names.get, "required": True, "width": "content", "persist_state": "session"}
    st.segmented_control(_("Accuracy against"), names, key=address.key("x"), **looks)


def count_sentence(networks: int, models: int, everything: int) -> str:
    """Return how many networks are shown, what the filter leaves out, and what marking rows does."""
    told = [ngettext("{count} network.", "{count} networks.", networks).format(count=networks)]
    if models > networks:
        told.append(_("Networks that several runs share are shown once."))
    if everything > models:
        told.append(_("The filter leaves {count} out.").format(count=everything - models))
    return " ".join([*told, _("Mark rows of two or more runs, by keyboard with Shift and Space, to put them side by side.")])


def matching(frame: pd.DataFrame, view: View) -> pd.DataFrame:
    """Return the models that the filter lets through: every word occurs somewhere in the row, every list has its value."""
    kept = pd.Series(True, index=frame.index)
    for name, chosen in view.lists.items():
        if chosen:
            kept &= frame[name].isin(chosen)
    searched = ["title", "kind", "dataset", "role", "called", "model", "settings", "who"]
    texts = frame[searched].astype(str).agg(" ".join, axis=1) if len(frame) else frame["run"]
    return frame[kept & search.matching(texts, frame["run"], view.find)]
