"""Distill: a teacher, a student, a few sliders and Run; curves that grow, then the verdict."""

from typing import TYPE_CHECKING

import streamlit as st

from compression import runs
from compression.errors import LabError, NotFoundError
from compression.runs.records import ACTIVE, Run
from compression.texts import gettext as _
from ui.address import Address, plain
from ui.identity import owner
from ui.places import DISTILL, header
from ui.run_words import age_text, as_text
from ui.store import store

if TYPE_CHECKING:
    from compression.spec import Spec

SHOWN = "distill-run"


def shown_run(address: Address) -> Run | None:
    """Return the run to show: the one in the address, else the last one here, else one's own that is at work."""
    named = st.query_params.get("run") if address.anew else None
    wanted = named or st.session_state.get(SHOWN)
    try:
        run = store().run(wanted) if wanted else None
    except NotFoundError:
        run = None
    if named and (run is None or run.kind != "distill"):
        address.notes.append(_("There is no distillation “{run}”; it may have been deleted.").format(run=plain(named)))
    if run is None or run.kind != "distill":
        active = store().runs(owner=owner(), states=ACTIVE)
        run = next((found for found in active if found.kind == "distill"), None)
    return run


def start(spec: "Spec", device: str) -> None:
    """Submit a run and show it from now on."""
    try:
        st.session_state[SHOWN] = runs.submit(spec, owner=owner(), device=device)
    except LabError as error:
        st.error(as_text(str(error)), icon=":material/error:")


def offer_finished(spec: "Spec", shown: Run | None) -> None:
    """Offer the result of the same settings, if there is one that is not on screen."""
    done = store().find_finished(spec.hash)
    if done is not None and (shown is None or shown.spec != done.spec):
        label = _("Show the result of these settings ({age})").format(age=age_text(done.created))
        if st.button(label, icon=":material/history:", width="stretch", type="tertiary"):
            st.session_state[SHOWN] = done.id


header(DISTILL)
with st.spinner(_("Getting ready …"), show_time=False):
    from compression.spec import parse
    from ui import distill_form, distill_result
address = Address("run")
st.session_state[SHOWN] = getattr(shown_run(address), "id", None)
left, right = st.columns([5, 8], gap="medium")
with left:
    request = distill_form.draw(address)
    try:
        spec = parse(request.raw)
    except LabError as error:
        spec = st.error(as_text(str(error)), icon=":material/error:") and None
    with st.container(key="run-bar", gap="xsmall"):
        if st.button(_("Run"), type="primary", icon=":material/play_arrow:", width="stretch", disabled=spec is None) and spec:
            start(spec, request.device)
        if spec is not None:
            offer_finished(spec, store().run(st.session_state[SHOWN]) if st.session_state[SHOWN] else None)
address.add("run", st.session_state[SHOWN])
with right:
    address.write()
    if st.session_state[SHOWN]:
        distill_result.show(store().run(st.session_state[SHOWN]), spec and spec.to_json())
    elif spec is not None:
        distill_result.invite(spec.to_json())
