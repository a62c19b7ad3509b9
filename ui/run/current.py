"""Which run a page shows: found in the address or started here, kept while one looks at other pages."""

from typing import TYPE_CHECKING

import streamlit as st

from compression import runs
from compression.errors import LabError, NotFoundError
from compression.runs import store
from compression.runs.records import ACTIVE, Run
from compression.texts import gettext as _
from ui.address.settings import Address, plain
from ui.run.live import JUST_STARTED
from ui.run.words import age_text, as_text
from ui.server.identity import owner

if TYPE_CHECKING:
    from compression.spec import Spec


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
        run = next((found for found in store().runs(owner=owner(), states=ACTIVE) if found.kind == kind), None)
    show_from_now(kind, run.id if run else None)


def run_bar(spec: "Spec | None", device: str, label: str) -> None:
    """Draw the button that runs a spec, and the way to its result where there is one that is not on screen."""
    with st.container(key="run-bar", gap="xsmall"):
        looks = {"type": "primary", "icon": ":material/play_arrow:", "width": "stretch"}
        if st.button(label, disabled=spec is None, **looks) and spec is not None:
            _start(spec, device)
        if spec is not None:
            _offer(spec)


def _start(spec: "Spec", device: str) -> None:
    try:
        run_id = runs.submit(spec, owner=owner(), device=device)
    except LabError as error:
        st.error(as_text(str(error)), icon=":material/error:")
    else:
        show_from_now(spec.kind, run_id)
        st.session_state[JUST_STARTED] = run_id


def _offer(spec: "Spec") -> None:
    done, here = store().find_finished(spec.hash), shown(spec.kind)
    if done is not None and (here is None or store().run(here).hash != done.hash):
        label = _("Show the result of these settings ({age})").format(age=age_text(done.created))
        looks = {"icon": ":material/history:", "width": "stretch", "type": "tertiary"}
        st.button(label, on_click=show_from_now, args=(spec.kind, done.id), **looks)


def run(kind: str) -> Run | None:
    """Return the run that the page of this kind shows, as it stands."""
    here = shown(kind)
    return store().run(here) if here else None
