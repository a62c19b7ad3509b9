"""Runs: the queue and the history, and one run in full."""

import streamlit as st

from compression.errors import NotFoundError
from compression.runs.records import Run
from compression.texts import gettext as _
from ui import runs_actions, runs_detail, runs_list
from ui.address import plain
from ui.identity import owner
from ui.places import COMPRESS, DISTILL, RUNS, header
from ui.store import store

POLL_S = 1.0


def invite() -> None:
    """Say what to do while there is no run."""
    with st.container(border=True):
        st.subheader(_("No runs yet"), anchor=False)
        st.markdown(_("A run goes on when you close the tab. Start one, and follow it here."))
        with st.container(horizontal=True):
            st.page_link(DISTILL.page(), label=_("Teach a small network"), icon=DISTILL.icon)
            st.page_link(COMPRESS.page(), label=_("Compress a network"), icon=COMPRESS.icon)


def chosen_run() -> Run | None:
    """Return the run that the address names; an unknown one is told in one sentence."""
    name = st.query_params.get("run")
    try:
        return store().run(name) if name else None
    except NotFoundError:
        st.warning(_("There is no run “{id}”; it may have been deleted.").format(id=plain(name)), icon=":material/link_off:")
        return None


def signature(runs: list[Run]) -> list[tuple[str, str, bool]]:
    """Return what the whole page depends on: a change of it draws the page anew, progress alone does not."""
    return [(run.id, run.state, run.cancelling) for run in runs]


def show_now(mine: bool, drawn: str | None, before: list[tuple[str, str, bool]]) -> None:
    """Draw what changes while runs are at work: the table, and how far the chosen run is."""
    runs = runs_list.read()
    if (st.query_params.get("run") or None) != drawn or signature(runs) != before:
        st.rerun(scope="app")
    shown = [run for run in runs if not mine or run.owner == owner()]
    if shown:
        runs_list.show(shown, drawn, owner())
    else:
        st.info(_("You have no runs yet; everybody's are one click away."), icon=":material/person:")
    if (run := next((run for run in runs if run.id == drawn), None)) is not None and run.active:
        runs_detail.heading(run, owner())
        runs_detail.standing(run)
        runs_actions.show(run)
        runs_detail.curves(run, runs_detail.events_of(run))


header(RUNS)
runs_actions.tell()
chosen = chosen_run()
everything = runs_list.read()
if everything:
    now = st.fragment(show_now, run_every=POLL_S if any(run.active for run in everything) else None)
    now(runs_list.owner_control(), st.query_params.get("run"), signature(everything))
else:
    invite()
if chosen is not None:
    events = runs_detail.events_of(chosen)
    if not chosen.active:
        runs_detail.heading(chosen, owner())
        runs_detail.standing(chosen)
        runs_actions.show(chosen)
        runs_detail.curves(chosen, events)
    runs_detail.papers(chosen, events)
elif everything:
    st.caption(_("Choose a run in the table to see its curves, its files and its settings."))
