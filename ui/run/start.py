"""The button that starts a run, and the way to a result that is there already."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from compression import runs
from compression.errors import LabError
from compression.runs import store
from compression.runs.records import Run
from compression.texts import gettext as _
from ui.address.settings import RUN, Address
from ui.run import current, forecast
from ui.run.live import bring_into_view
from ui.run.words import age_text, as_text
from ui.server.identity import owner

if TYPE_CHECKING:
    from compression.spec import Spec


def requested(address: Address, raw: dict[str, Any], filled: Run | None) -> "Spec | None":
    """Return what the controls ask for; None, with the reason given to the address, where that cannot run.

    Args:
        filled: the run whose settings were just put into the controls, to say what of them has no control.
    """
    from compression.spec import parse

    if address.blocks:
        return None
    try:
        spec = parse(raw)
    except LabError as error:
        address.block(str(error))
        return None
    if filled is not None and filled.spec != spec.to_json():
        other = [name for name, value in spec.to_json().items() if filled.spec.get(name) != value]
        sentence = _("Run {run} had other settings for {names} than the controls here can say; Run starts what they do say.")
        address.notes.append(sentence.format(run=filled.id, names=", ".join(other)))
    return spec


def run_bar(address: Address, spec: "Spec | None", device: str, label: str) -> None:
    """Draw the button that runs a spec, or why it is off, and the way to its result where there is one that is not on screen."""
    with st.container(key="run-bar", gap="xsmall"):
        looks = {"type": "primary", "icon": ":material/play_arrow:", "width": "stretch"}
        place = st.container()  # the button stands above what is said of it
        fits = spec is not None and forecast.allowed(address, spec, device)
        if place.button(label, disabled=not fits, **looks) and spec is not None:
            _start(spec, device)
        for sentence in address.blocks:
            st.caption(as_text(_("Run is off: {reason}").format(reason=sentence)))
        if spec is not None:
            _offer(spec)
    address.keep(RUN, current.shown(address.page) or "")


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
