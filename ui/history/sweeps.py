"""The sweeps among the runs: which one the table is narrowed to, the way to it, and its deletion by its owner."""

from collections.abc import Sequence

import streamlit as st

from compression.errors import NotFoundError
from compression.runs import store
from compression.runs.records import RUNNING, Run, StoredSweep
from compression.texts import gettext as _
from compression.texts import ngettext
from ui.address.link_of_run import page_of_kind
from ui.address.settings import SWEEP, Address, plain
from ui.form.try_several import value_text
from ui.run import actions
from ui.run.differences import setting_title
from ui.run.words import age_text
from ui.server.identity import owner

ALL = ""
MOST_OFFERED = 100
MOST_VALUES_TOLD = 6


def newest() -> list[StoredSweep]:
    """Return the sweeps that are offered."""
    return store().sweeps(limit=MOST_OFFERED)


def choose(address: Address) -> StoredSweep | None:
    """Draw which sweep the table is narrowed to; None for all runs. An unknown one is told in one sentence."""
    offered = {sweep.id: sweep for sweep in newest()}

    def understand(text: str) -> str:
        if text not in offered:
            try:
                offered[text] = store().sweep(text)
            except NotFoundError:
                sentence = _("There is no sweep “{sweep}”; it may have been deleted.").format(sweep=plain(text))
                raise ValueError(sentence, ALL) from None
        return text

    held, key = address.read(SWEEP, ALL, understand), address.key(SWEEP)
    if held not in offered:
        held = st.session_state[key] = ALL
    if not offered:
        return None
    titles = {ALL: _("All runs"), **{sweep.id: title(sweep) for sweep in offered.values()}}
    looks = {"format_func": titles.__getitem__, "persist_state": "session"}
    chosen = st.selectbox(_("Sweep"), [*titles], key=key, **looks)
    address.keep(SWEEP, chosen)
    return offered.get(chosen)


def title(sweep: StoredSweep) -> str:
    """Return what a sweep is called in a list: its settings with their values, and how old it is."""
    over = [f"{setting_title(path)} {_values(values)}" for path, values in sweep.spec.get("over", {}).items()]
    return " · ".join(filter(None, [sweep.title, *over, age_text(sweep.created)]))


def _values(values: Sequence[object]) -> str:
    told = [value_text(value) for value in values]
    return ", ".join(told if len(told) <= MOST_VALUES_TOLD else [*told[: MOST_VALUES_TOLD - 2], "…", told[-1]])


def bar(sweep: StoredSweep, listed: Sequence[Run]) -> None:
    """Draw what can be done about a sweep: open it, and delete it if it belongs to who looks at it.

    Args:
        listed: the runs among which the table finds those of the sweep.
    """
    there = store().runs_of([cell["run"] for cell in sweep.cells])
    with st.container(horizontal=True, vertical_alignment="center"):
        if (place := page_of_kind(sweep.spec.get("base", {}).get("kind"))) is not None:
            looks = {"icon": ":material/stacks:", "query_params": {SWEEP: sweep.id}}
            st.page_link(place.page(), label=_("Open this sweep"), **looks)
        if sweep.owner == owner() and not any(run.state == RUNNING and run.sweep == sweep.id for run in there):
            _delete_button(sweep, len(there))
    if older := len({run.id for run in there} - {run.id for run in listed}):
        told = ngettext("{count} run of it is older than this table goes back.", "{count} runs of it are older.", older)
        st.caption(told.format(count=older))


def _delete_button(sweep: StoredSweep, there: int) -> None:
    going = len(store().runs_deleted_with(sweep.id))
    with st.popover(_("Delete this sweep"), icon=":material/delete:", key="sweep-delete"):
        told = ngettext(
            "Delete this sweep and the {count} run that it started, with its curves and files? It cannot be brought back.",
            "Delete this sweep and the {count} runs that it started, with their curves and files? They cannot be brought back.",
            going,
        ).format(count=going)
        if going == 0:
            told = _("Delete this sweep? Its runs stay. It cannot be brought back.")
        elif stay := there - going:
            told += " " + ngettext(
                "{count} run stays, which had finished before or which another sweep shows.",
                "{count} runs stay, which had finished before or which another sweep shows.",
                stay,
            ).format(count=stay)
        st.markdown(told)
        st.button(_("Delete for good"), type="primary", on_click=_delete, args=(sweep.id,), key="sweep-delete-sure")


def _delete(sweep_id: str) -> None:
    actions.attempt(lambda: store().delete_sweep(sweep_id, owner=owner()), _("The sweep is deleted."))
