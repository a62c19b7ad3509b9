"""Which run a page shows: the one in its address, the last one shown, or one's own that is at work."""

import streamlit as st

from compression.errors import NotFoundError
from compression.runs import store
from compression.runs.records import ACTIVE, Run
from compression.texts import gettext as _
from ui.address.settings import Address, plain
from ui.server.identity import owner


def shown(kind: str) -> str | None:
    """Return the id of the run that the page of this kind shows."""
    return st.session_state.get(f"{kind}-run")


def show_from_now(kind: str, run_id: str | None) -> None:
    """Keep which run the page of this kind shows."""
    st.session_state[f"{kind}-run"] = run_id


def find(address: Address, kind: str) -> None:
    """Decide which run to show: the one in the address, else the last one here, else one's own that is at work."""
    named = st.query_params.get("run") if address.anew else None
    wanted = named or shown(kind)
    try:
        run = store().run(wanted) if wanted else None
    except NotFoundError:
        run = None
    if named and (run is None or run.kind != kind):
        address.notes.append(_("There is no run “{run}” to show here; it may have been deleted.").format(run=plain(named)))
    if run is None or run.kind != kind:
        run = next(iter(store().runs(owner=owner(), kind=kind, states=ACTIVE, limit=1)), None)
    show_from_now(kind, run.id if run else None)


def run(kind: str) -> Run | None:
    """Return the run that the page of this kind shows, as it stands."""
    here = shown(kind)
    return store().run(here) if here else None
