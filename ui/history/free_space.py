"""What one's own old runs, and own images and weights that no run uses, hold, and the button that frees it."""

from collections.abc import Sequence

import streamlit as st

from compression.charts.numbers import format_bytes
from compression.errors import LabError
from compression.runs import store
from compression.runs.records import Run
from compression.runs.tidy import IMAGES, TITLES, USUAL_DAYS, WEIGHTS, brought_files, survey, tidy
from compression.texts import gettext as _
from ui.run.actions import OUTCOME

KEY = "runs-free-space"
MOST_DAYS = 3_650


def button(runs: Sequence[Run], viewer: str) -> None:
    """Draw the button that shows what can be freed and, at a second click, frees it; nothing without own ended runs or files."""
    if not any(run.owner == viewer and not run.active for run in runs) and not brought_files():
        return
    with st.popover(_("Free space"), icon=":material/cleaning_services:", key=KEY, on_change="rerun") as opened:
        if opened.open:
            _offer(viewer)


def _offer(viewer: str) -> None:
    label = _("Of my runs that ended, and own files that came, at least so many days ago")
    days = st.number_input(label, 0, MOST_DAYS, USUAL_DAYS, key=f"{KEY}-days")
    found = survey(store(), older_than_days=days, owner=viewer)
    held = {name: part for name, part in found.parts.items() if part.count}
    if not held:
        st.caption(_("They hold nothing that could be freed."))
        return
    for name, part in held.items():
        line = _("{what} ({count}): {size}")
        st.markdown(line.format(what=_(TITLES[name]), count=part.count, size=format_bytes(part.bytes)))
    st.caption(
        _("Settings, results and logs stay, and so do the curves of finished runs. Model files can be made anew by Run again.")
    )
    if held.keys() & {IMAGES, WEIGHTS}:
        st.caption(_("Own images and own weights are listed whoever brought them, if no run uses them and they are a day old."))
    label = _("Free {size}").format(size=format_bytes(found.bytes))
    st.button(label, type="primary", on_click=_free, args=(days, viewer), key=f"{KEY}-sure")


def _free(days: float, viewer: str) -> None:
    try:
        freed = tidy(store(), older_than_days=days, owner=viewer)
    except LabError as error:
        st.session_state[OUTCOME] = (False, str(error))
        return
    st.session_state[OUTCOME] = (True, _("{size} freed.").format(size=format_bytes(freed.bytes)))
