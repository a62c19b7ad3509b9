"""The button that starts a run, and the way to a result that is there already."""

from typing import TYPE_CHECKING

import streamlit as st

from compression import runs
from compression.errors import LabError
from compression.runs import store
from compression.texts import gettext as _
from ui.run import current
from ui.run.live import bring_into_view
from ui.run.words import age_text, as_text
from ui.server.identity import owner

if TYPE_CHECKING:
    from compression.spec import Spec


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
        current.show_from_now(spec.kind, run_id)
        bring_into_view(run_id)


def _offer(spec: "Spec") -> None:
    done, here = store().find_finished(spec.hash), current.shown(spec.kind)
    if done is not None and (here is None or store().run(here).hash != done.hash):
        label = _("Show the result of these settings ({age})").format(age=age_text(done.created))
        looks = {"icon": ":material/history:", "width": "stretch", "type": "tertiary"}
        st.button(label, on_click=current.show_from_now, args=(spec.kind, done.id), **looks)
