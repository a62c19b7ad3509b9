"""A sweep on screen: how far it is, what it shows, its chart as it fills, and every run in a table."""

from typing import Any

import pandas as pd
import streamlit as st

from compression.charts.numbers import format_bytes, format_percent
from compression.charts.style import enlarged
from compression.errors import LabError
from compression.runs import ensure_alive, store
from compression.runs.records import ACTIVE, FINISHED, QUEUED, RESUMABLE, RUNNING, StoredSweep
from compression.runs.sweeping import outcomes
from compression.texts import gettext as _
from compression.texts import ngettext
from ui.address.settings import SWEEP
from ui.form.try_several import value_text
from ui.frame.pages import RUNS
from ui.run import current
from ui.run.differences import setting_title
from ui.run.live import ANCHOR, scroll_into_view
from ui.run.sweep_outcome import OUTCOMES, Found, figure, main_role, sentence, standing_text, value
from ui.run.words import STATES, as_text, latency_text, sign, titles
from ui.server.identity import owner
from ui.widgets.live_chart import live_chart
from ui.widgets.table_height import table_height

POLL_S = 1.0
MOST_ROWS_SHOWN = 10
TEXT_SIZE = 14  # pixels


def show(sweep: StoredSweep) -> None:
    """Draw a sweep; while its runs wait or work, what they find appears as they finish."""
    found = _found(sweep)
    active = any(cell["state"] in ACTIVE for cell in found.cells)
    settings = ", ".join(f"{setting_title(path)}: {len(values)}" for path, values in found.over.items())
    st.caption(as_text(_("Several values at once · {settings}").format(settings=settings)))

    def refresh() -> None:
        now = _found(sweep)
        if any(cell["state"] in ACTIVE for cell in now.cells) != active:
            st.rerun(scope="app")
        with st.container(key=ANCHOR):
            _standing(sweep, now)
        if active or any(cell.get("models") for cell in now.cells):
            _chart(sweep, now)
        _table(sweep, now)

    st.fragment(refresh, run_every=POLL_S if active else None)()
    scroll_into_view(sweep.id)


def _found(sweep: StoredSweep) -> Found:
    cells = outcomes(sweep, store().runs_of([cell["run"] for cell in sweep.cells]))
    return Found(cells, sweep.spec.get("over", {}), titles(sweep.spec.get("base", {})))


def _standing(sweep: StoredSweep, found: Found) -> None:
    """Draw how many runs have finished, with what can be done about the others, and what the sweep shows by now."""
    states = [cell["state"] for cell in found.cells]
    done, mine = states.count(FINISHED), sweep.owner == owner()
    if set(states) & set(ACTIVE):
        with st.container(horizontal=True, vertical_alignment="center", gap="small"):
            told = _("{done} of {count} runs finished, {running} at work, {queued} waiting")
            counts = {"running": states.count(RUNNING), "queued": states.count(QUEUED)}
            st.progress(done / len(states), text=told.format(done=done, count=len(states), **counts), width="stretch")
            if mine:
                st.button(_("Cancel all"), icon=":material/stop_circle:", on_click=_cancel, args=(sweep.id,), key="sweep-cancel")
    elif done < len(states):
        st.warning(as_text(standing_text(found)), icon=":material/pause_circle:")
        own = [run for run in store().runs_of([cell["run"] for cell in found.cells]) if run.sweep == sweep.id]
        if mine and (ended := sum(run.state in RESUMABLE for run in own)):
            label = ngettext("Resume {count} run", "Resume {count} runs", ended).format(count=ended)
            st.button(label, icon=":material/resume:", on_click=_resume, args=(sweep.id,), key="sweep-resume")
    if words := sentence(found):
        with st.container(border=True, key="verdict"):
            st.markdown(f"**{as_text(words)}**")
            st.caption(_("Chosen on validation images; differences paired by seed, 95 % over all comparisons together."))


def _chart(sweep: StoredSweep, found: Found) -> None:
    shown = {"format_func": lambda name: _(OUTCOMES[name]), "key": f"sweep-outcome-{sweep.id}", "label_visibility": "collapsed"}
    outcome = st.segmented_control(_("Show"), [*OUTCOMES], default="validation_accuracy", required=True, **shown)
    drawn = figure(found, outcome, f"{sweep.id}-{outcome}")
    over = _(" and ").join(setting_title(path) for path in found.over)
    label = _("{outcome} over {settings}").format(outcome=_(OUTCOMES[outcome]), settings=over)
    looks = {"height": int(drawn.layout.height), "clickable": True}
    run = live_chart(enlarged(drawn, TEXT_SIZE), key=f"sweep-chart-{looks['height']}", label=label, **looks)
    plane = _("A click on a cell opens its run and sets the controls to it. ● cannot be told apart from the best.")
    st.caption(_("A click on a point opens its run and sets the controls to it.") if len(found.over) == 1 else plane)
    if run is not None:
        current.open_with_settings(str(run))


def _table(sweep: StoredSweep, found: Found) -> None:
    """Draw a row a run, and the way to these runs in Runs."""
    rows: list[dict[str, Any]] = []
    formats = {"validation_accuracy": format_percent, "accuracy": format_percent, "size_bytes": format_bytes}
    for cell in found.cells:
        models = cell.get("models") or {}
        model = models.get(main_role(cell), {})
        images = (cell.get("images") or {}).get("validation", 0)
        told = {name: value(model, name, images) if model else None for name in OUTCOMES}
        shown = {
            _(OUTCOMES[name]): latency_text(model, [*models.values()])
            if name == "latency_ms"
            else formats.get(name, format_percent)(part[0])
            for name, part in told.items()
            if part is not None
        }
        state = sign(STATES[cell["state"]]) if cell["state"] in STATES else _("Deleted")
        link = f"?run={cell['run']}" if cell["state"] else None
        at = {setting_title(path): value_text(given) for path, given in cell["at"].items()}
        reason = {_("Reason"): cell["error"]} if cell.get("error") else {}
        rows.append({**at, _("State"): state, _("Run"): link, **shown, **reason})
    frame = pd.DataFrame(rows)
    columns = {_("Run"): st.column_config.LinkColumn(display_text=_("Open"))}
    looks = {"hide_index": True, "column_config": columns, "placeholder": ""}
    st.page_link(RUNS.page(), label=_("These runs in Runs"), icon=RUNS.icon, query_params={SWEEP: sweep.id})
    st.dataframe(frame, height=table_height(len(frame), MOST_ROWS_SHOWN), **looks)


def _cancel(sweep_id: str) -> None:
    _attempt(lambda: store().cancel_sweep(sweep_id, owner=owner()))


def _resume(sweep_id: str) -> None:
    _attempt(lambda: store().resume_sweep(sweep_id, owner=owner()))
    ensure_alive()


def _attempt(action: Any) -> None:
    try:
        action()
    except LabError as error:
        st.toast(as_text(str(error)), icon=":material/error:")
