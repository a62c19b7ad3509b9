"""The button that starts a run, and the way to a result that is there already."""

from typing import TYPE_CHECKING, Any

import streamlit as st

from compression import runs, settings
from compression.charts.numbers import format_about
from compression.errors import LabError
from compression.runs import store
from compression.runs.records import Run
from compression.runs.sweeping import submit_sweep
from compression.texts import gettext as _
from compression.texts import ngettext
from ui.address.settings import RUN, SWEEP, Address
from ui.run import current, forecast
from ui.run.live import bring_into_view
from ui.run.words import age_text, as_text
from ui.server.identity import owner

if TYPE_CHECKING:
    from compression.spec import Spec
    from compression.sweep import Sweep


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


def run_bar(
    address: Address,
    spec: "Spec | None",
    device: str,
    label: str,
    sweep: "Sweep | None" = None,
    *,
    time_limit_s: float | None = None,
) -> None:
    """Draw the button that runs a spec, or why it is off, and the way to its result where there is one that is not on screen.

    Args:
        sweep: what is run in place of the spec alone.
        time_limit_s: seconds after which a run is stopped; None for what holds by default.
    """
    with st.container(key="run-bar", gap="xsmall"):
        looks = {"type": "primary", "icon": ":material/play_arrow:", "width": "stretch"}
        place = st.container()  # the button stands above what is said of it
        if sweep is not None and not address.blocks:
            _sweep_button(place, sweep, device, looks, time_limit_s)
        else:
            fits = spec is not None and not address.blocks and forecast.allowed(address, spec, device, at_work=_at_work(spec))
            if place.button(label, disabled=not fits, **looks) and spec is not None:
                _start(spec, device, time_limit_s)
        for sentence in address.blocks:
            st.caption(as_text(_("Run is off: {reason}").format(reason=sentence)))
        if spec is not None and sweep is None:
            _offer(spec)
    shown_sweep = current.sweep(address.page)
    address.keep(SWEEP, shown_sweep.id if shown_sweep else "")
    address.keep(RUN, current.shown(address.page) or "")


def _at_work(spec: "Spec") -> bool:
    """Tell whether the run on screen is of these settings and at work: its progress says how long it takes."""
    run = current.run(spec.kind)
    return run is not None and run.active and run.hash == spec.hash


def _sweep_button(place: Any, sweep: "Sweep", device: str, looks: dict[str, Any], time_limit_s: float | None) -> None:
    """Draw the button that runs every cell of a sweep, and how long they will take together."""
    cells = sweep.cells()
    ahead = [cell for cell in cells if store().find_finished(cell.spec.hash) is None]
    done, total = len(cells) - len(ahead), forecast.seconds_together([cell.spec for cell in ahead], device)
    again = ngettext(
        "{count} run finished before and is not run again.", "{count} runs finished before and are not run again.", done
    )
    told = again.format(count=done) if done else ""
    about = _("About {time} here, for all together.").format(time=format_about(total)) if ahead and total is not None else ""
    st.caption(as_text(" ".join(filter(None, [about, told]))))
    if place.button(_("Run all {count} settings").format(count=len(cells)), **looks):
        try:
            sweep_id = submit_sweep(sweep, owner=owner(), device=device, time_limit_s=time_limit_s)
        except LabError as error:
            st.error(as_text(str(error)), icon=":material/error:")
        else:
            current.show_sweep_from_now(sweep.base["kind"], sweep_id)
            bring_into_view(sweep_id)


def _start(spec: "Spec", device: str, time_limit_s: float | None) -> None:
    from compression.execute import Workspace, check_references

    folder = settings.runs_folder()
    try:
        check_references(spec, Workspace(folder, settings.models_folder(), folder))
        run_id = runs.submit(spec, owner=owner(), device=device, time_limit_s=time_limit_s)
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
