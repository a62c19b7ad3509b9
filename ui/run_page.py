"""What the pages that start runs share: which run they show, how one is started, and what can be taken along from it."""

import json
from typing import TYPE_CHECKING, Any

import streamlit as st

from compression import runs
from compression.errors import LabError, NotFoundError
from compression.runs.records import ACTIVE, FINISHED, Run
from compression.texts import gettext as _
from ui.address import Address, plain
from ui.identity import owner
from ui.places import COMPARE, RUNS
from ui.run_words import age_text, as_text, command_line, kind_title
from ui.store import store
from ui.watch import watch

if TYPE_CHECKING:
    from compression.spec import Spec


def shown_run(kind: str, address: Address) -> Run | None:
    """Return the run to show: the one in the address, else the last one here, else one's own that is at work."""
    named = st.query_params.get("run") if address.anew else None
    wanted = named or st.session_state.get(_held(kind))
    try:
        run = store().run(wanted) if wanted else None
    except NotFoundError:
        run = None
    if named and (run is None or run.kind != kind):
        sentence = _("There is no {kind} “{run}”; it may have been deleted.")
        address.notes.append(sentence.format(kind=kind_title(kind).lower(), run=plain(named)))
    if run is None or run.kind != kind:
        active = store().runs(owner=owner(), states=ACTIVE)
        run = next((found for found in active if found.kind == kind), None)
    st.session_state[_held(kind)] = run.id if run else None
    return run


def _held(kind: str) -> str:
    return f"{kind}-run"


def run_button(spec: "Spec | None", device: str, shown: Run | None, label: str) -> Run | None:
    """Draw the one primary button, and the way to a result of the same settings; return the run to show from now on."""
    with st.container(key="run-bar", gap="xsmall"):
        pressed = st.button(label, type="primary", icon=":material/play_arrow:", width="stretch", disabled=spec is None)
        if spec is None:
            return shown
        if pressed:
            shown = _start(spec, device) or shown
        _offer(spec, shown)
    st.session_state[_held(spec.kind)] = shown.id if shown else None
    return shown


def _start(spec: "Spec", device: str) -> Run | None:
    try:
        return store().run(runs.submit(spec, owner=owner(), device=device))
    except LabError as error:
        st.error(as_text(str(error)), icon=":material/error:")
        return None


def _offer(spec: "Spec", shown: Run | None) -> None:
    """Offer the result of the same settings, if there is one that is not on screen."""
    done = store().find_finished(spec.hash)
    if done is not None and (shown is None or shown.spec != done.spec):
        label = _("Show the result of these settings ({age})").format(age=age_text(done.created))
        looks = {"icon": ":material/history:", "width": "stretch", "type": "tertiary"}
        st.button(label, on_click=_show, args=(done.kind, done.id), **looks)


def _show(kind: str, run_id: str) -> None:
    st.session_state[_held(kind)] = run_id


def checked(raw: Any) -> "Spec | None":
    """Return the spec of a request, or say in one sentence why it is none."""
    from compression.spec import parse

    try:
        return parse(raw)
    except LabError as error:
        st.error(as_text(str(error)), icon=":material/error:")
        return None


def take_away(run: Run) -> None:
    """Draw what can be taken along: the numbers, the spec, the command, the way to Compare."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        looks = {"icon": ":material/download:", "on_click": "ignore"}
        if not run.active:
            seen = watch(run.id)
            st.download_button(_("Curves (CSV)"), lambda: seen.frame.to_csv(index=False), f"{run.id}.csv", "text/csv", **looks)
        spec = json.dumps(run.spec, indent=2)
        st.download_button(_("Spec (JSON)"), spec, f"{run.id}.json", "application/json", **looks)
        with st.popover(_("Command line"), icon=":material/terminal:"):
            st.markdown(_("The same run, on a command line:"))
            st.code(command_line(run.spec), language="bash", wrap_lines=True)
        if run.state == FINISHED:
            st.page_link(COMPARE.page(), label=_("Open in Compare"), icon=COMPARE.icon, query_params={"runs": run.id})
        st.page_link(RUNS.page(), label=_("Files and log"), icon=RUNS.icon, query_params={"run": run.id})
