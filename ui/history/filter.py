"""Which runs the table shows and in which order: whose, in which state, with which words, sorted by what."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import pandas as pd
import streamlit as st

from compression.runs.records import STATES as ALL_STATES
from compression.runs.records import Run
from compression.texts import gettext as _
from compression.texts import mark
from ui.address.settings import Address, refused
from ui.history import sweeps
from ui.run import search
from ui.run.differences import told_apart
from ui.run.outcome import outcome
from ui.run.words import STATES, dataset, kind_title, owner_text, what

LONGEST_SEARCH = 200  # characters
WHOSE = {"all": mark("Everybody's"), "mine": mark("Mine")}
ORDERS = {
    "newest": mark("Newest first"),
    "accuracy": mark("Most accurate first"),
    "difference": mark("Largest gain first"),
    "time": mark("Longest first"),
    "what": mark("By networks and settings"),
}


@dataclass(frozen=True)
class View:
    """What the table shows: `show` is whose runs, `order` one of ORDERS, `among` the runs of a sweep; no states means all."""

    show: str = "all"
    find: str = ""
    states: tuple[str, ...] = ()
    order: str = "newest"
    among: frozenset[str] | None = None

    def of(self, runs: Sequence[Run], viewer: str) -> list[Run]:
        """Return the runs that are shown, in their order; those at work or waiting stay on top, in theirs."""
        told = told_apart(runs)
        mine = [run for run in runs if self.show == "all" or run.owner == viewer]
        mine = [run for run in mine if self.among is None or run.id in self.among]
        kept = [run for run in mine if not self.states or run.state in self.states]
        if self.find and kept:
            found = search.matching(_texts(kept, told, viewer), pd.Series([run.id for run in kept]), self.find)
            kept = [run for run, here in zip(kept, found, strict=True) if here]
        return [*(run for run in kept if run.active), *self._sorted([run for run in kept if not run.active], told)]

    def _sorted(self, ended: list[Run], told: Mapping[str, str]) -> list[Run]:
        if self.order == "newest":
            return ended
        if self.order == "what":
            return sorted(ended, key=lambda run: (run.kind, dataset(run), what(run), search.natural(told[run.id])))
        if self.order == "time":
            return sorted(ended, key=lambda run: -run.seconds)
        number = {run.id: getattr(outcome(run), self.order) for run in ended}
        return sorted(ended, key=lambda run: (number[run.id] is None, -(number[run.id] or 0.0)))


def _texts(runs: Sequence[Run], told: Mapping[str, str], viewer: str) -> pd.Series:
    parts = [
        (what(run), told[run.id], dataset(run), kind_title(run.kind), owner_text(run.owner, viewer), run.device, _state(run))
        for run in runs
    ]
    return pd.Series([" ".join(part) for part in parts])


def _state(run: Run) -> str:
    return _(STATES[run.state].title)


def controls(address: Address, runs: Sequence[Run]) -> View:
    """Draw the choice of what the table shows, of the runs there are, and keep it in the address."""
    columns = st.columns([3, 4, 3, 3, 4] if sweeps.newest() else [3, 4, 4, 3], gap="small")
    shared = {"persist_state": "session"}
    show = _understood(address, "show", _("the runs of"), WHOSE)
    with columns[0]:
        show = st.segmented_control(
            _("Whose runs"), WHOSE, key=address.key("show"), format_func=lambda name: _(WHOSE[name]), required=True, **shared
        )
    address.read("find", "", lambda text: text[:LONGEST_SEARCH])
    looks = {"type": "search", "placeholder": _("Network, setting, title, owner"), "live": True, **shared}
    find = columns[1].text_input(_("Find"), key=address.key("find"), max_chars=LONGEST_SEARCH, **looks)
    address.read("state", [], _states)
    looks = {"format_func": lambda name: _(STATES[name].title), "placeholder": _("All"), **shared}
    states = columns[2].multiselect(_("State"), ALL_STATES, key=address.key("state"), **looks)
    order = _understood(address, "sort", _("the order"), ORDERS)
    looks = {"format_func": lambda name: _(ORDERS[name]), **shared}
    order = columns[3].selectbox(_("Sort"), ORDERS, key=address.key("sort"), **looks)
    for name, value in (("show", show), ("find", find), ("state", states or "all"), ("sort", order)):
        address.keep(name, value)
    with columns[-1]:
        sweep = sweeps.choose(address)
    if sweep is None:
        return View(show, find, tuple(states), order)
    sweeps.bar(sweep, runs)
    return View(show, find, tuple(states), order, frozenset(cell["run"] for cell in sweep.cells))


def _understood(address: Address, name: str, title: str, allowed: dict[str, str]) -> str:
    first = next(iter(allowed))

    def understand(text: str) -> str:
        if text not in allowed:
            raise refused(title, text, _("allowed is one of {names}").format(names=", ".join(allowed)), first)
        return text

    return address.read(name, first, understand)


def _states(text: str) -> list[str]:
    given = [part for part in text.split(",") if part and part != "all"]
    known = [part for part in given if part in ALL_STATES]
    if len(known) < len(given):
        sentence = _("The link asks for runs in states that there are not; allowed are {names}.")
        raise ValueError(sentence.format(names=", ".join(ALL_STATES)), known)
    return known
