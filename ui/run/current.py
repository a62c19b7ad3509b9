"""Which run a page shows: the one in its address, the last one shown, or one's own that is at work."""

import streamlit as st

from compression.errors import NotFoundError
from compression.runs import store
from compression.runs.records import ACTIVE, Run, StoredSweep
from compression.texts import gettext as _
from ui.address.link_of_run import page_of_kind, settings_of, swept_settings
from ui.address.settings import RUN, SWEEP, Address, ask, plain
from ui.server.identity import owner


def shown(page: str) -> str | None:
    """Return the id of the run that a page shows."""
    return st.session_state.get(f"{page}-{RUN}") or None


def show_from_now(page: str, run_id: str | None) -> None:
    """Keep which run a page shows, in place of a sweep; an empty text says none, not even one's own that is at work."""
    st.session_state[f"{page}-{RUN}"] = run_id
    if page_of_kind(page) is not None:  # Runs shows a run beside a sweep
        st.session_state[f"{page}-{SWEEP}"] = ""


def show_sweep_from_now(page: str, sweep_id: str) -> None:
    """Keep which sweep a page shows, in place of a run."""
    st.session_state[f"{page}-{RUN}"] = ""
    st.session_state[f"{page}-{SWEEP}"] = sweep_id


def open_with_settings(run_id: str) -> None:
    """Show a run in place of what the page shows, and put its settings into the controls, as its link does."""
    ask({RUN: run_id})


def sweep(page: str) -> StoredSweep | None:
    """Return the sweep that a page shows."""
    here = st.session_state.get(f"{page}-{SWEEP}")
    return store().sweep(here) if here else None


def find(address: Address) -> Run | None:
    """Decide which run to show on the page of its kind; its settings fill the controls where the address says none.

    One's own run at work is shown to those who come without a link alone: a link shows the same to everybody.
    """
    kind, open_settings = address.page, address.open
    if _found_sweep(address, kind, open_settings):
        return None
    wanted = address.read(RUN, "" if address.linked else None)
    run = _of_kind(wanted, kind) if wanted else None
    if wanted and run is None:
        address.notes.append(_("There is no run “{run}” to show here; it may have been deleted.").format(run=plain(wanted)))
    if wanted is None:
        run = next(iter(store().runs(owner=owner(), kind=kind, states=ACTIVE, limit=1)), None)
    show_from_now(kind, run.id if run else None if wanted is None else "")
    if run is None or not open_settings:
        return None
    address.fill(settings_of(run.spec))
    return run


def _found_sweep(address: Address, kind: str, open_settings: bool) -> bool:
    """Tell whether a sweep is shown; its base fills the controls where the address says no settings."""
    wanted = address.read(SWEEP, "")
    if not wanted:
        return False
    try:
        found = store().sweep(wanted)
    except NotFoundError:
        found = None
    if found is None or found.spec.get("base", {}).get("kind") != kind:
        address.notes.append(_("There is no sweep “{sweep}” to show here.").format(sweep=plain(wanted)))
        st.session_state[address.key(SWEEP)] = ""
        return False
    show_sweep_from_now(kind, found.id)
    if open_settings:
        address.fill({**settings_of(found.spec["base"]), **swept_settings(found.spec["over"])})
    return True


def _of_kind(run_id: str, kind: str) -> Run | None:
    try:
        run = store().run(run_id)
    except NotFoundError:
        return None
    return run if run.kind == kind else None


def run(page: str) -> Run | None:
    """Return the run that a page shows, as it stands."""
    here = shown(page)
    return store().run(here) if here else None
