"""Runs: the queue and the history, and one run in full."""

import streamlit as st

from compression.texts import gettext as _
from ui.address.settings import Address
from ui.frame.pages import COMPRESS, DISTILL, RUNS, header
from ui.history import detail, free_space, lecturer
from ui.history import list as runs_list
from ui.history.filter import View, controls
from ui.run import actions
from ui.run.current import shown
from ui.run.differences import told_apart
from ui.run.feed import Watch, watch
from ui.server.identity import owner

POLL_S = 1.0


def invite() -> None:
    """Say what to do while there is no run."""
    with st.container(border=True):
        st.subheader(_("No runs yet"), anchor=False)
        st.markdown(_("A run goes on when you close the tab. Start one, and follow it here."))
        with st.container(horizontal=True):
            st.page_link(DISTILL.page(), label=_("Teach a small network"), icon=DISTILL.icon)
            st.page_link(COMPRESS.page(), label=_("Compress a network"), icon=COMPRESS.icon)


def show_now(view: View, drawn: str | None, before: list[tuple[str, str, bool]]) -> None:
    """Draw what changes while runs are at work: the table, and how far the chosen run is."""
    runs = runs_list.read(fresh_s=POLL_S / 2)
    if shown(runs_list.PAGE) != drawn or runs_list.signature(runs) != before:
        st.rerun(scope="app")
    if listed := view.of(runs, owner()):
        runs_list.show(listed, told_apart(runs), owner())
        runs_list.compare_link(listed)
    elif view == View(show="mine"):
        st.info(_("You have no runs yet; everybody's are one click away."), icon=":material/person:")
    else:
        st.info(_("No run matches this filter."), icon=":material/filter_alt_off:")
    if any(run.id == drawn and run.active for run in runs):
        show_run(watch(drawn))


def show_run(seen: Watch) -> None:
    """Draw one run: what it is, where it stands, what can be done about it, its result and curves."""
    detail.heading(seen.run, owner())
    detail.standing(seen.run)
    actions.buttons(seen.run)
    detail.result(seen.run)
    detail.curves(seen)


header(RUNS)
actions.show_outcome()
lecturer.controls()
everything = runs_list.read()  # before the run itself: one that ends in between is then drawn once more
address = Address(runs_list.PAGE)
notes = st.container()
chosen = runs_list.chosen_run(address)
working = any(chosen is not None and run.id == chosen.run.id and run.active for run in everything)
if everything:
    now = st.fragment(show_now, run_every=POLL_S if any(run.active for run in everything) else None)
    now(controls(address, everything), chosen and chosen.run.id, runs_list.signature(everything))
else:
    invite()
if chosen is not None:
    if not working:  # else it is drawn above; what it is by now may be something else again
        show_run(chosen)
    detail.records(chosen)
elif everything:
    st.caption(_("Choose a run in the table to see its curves, its files and its settings."))
free_space.button(everything, owner())
with notes:
    address.write()
