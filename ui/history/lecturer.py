"""What the lecturer can do with everybody's runs: pause or clear the queue, limit the time of all runs."""

from collections.abc import Callable

import streamlit as st

from compression.charts.numbers import format_about
from compression.errors import LabError
from compression.runs.lecturer import Lecturer
from compression.texts import gettext as _
from ui.run.actions import OUTCOME
from ui.server import lecturer_session

KEY = "lecturer-limit"
MINUTE_S, MOST_MINUTES = 60, 1_440


def controls() -> None:
    """Draw the lecturer's controls; nothing for anybody else."""
    lecturer = lecturer_session.current()
    if lecturer is None:
        return
    with st.container(horizontal=True, vertical_alignment="center", border=True, key="lecturer-controls"):
        st.markdown(_(":material/key: **For all**"), width="content")
        paused, limit = lecturer.paused, lecturer.time_limit_s
        label = _("Let the queue go on") if paused else _("Pause the queue")
        icon = ":material/play_arrow:" if paused else ":material/pause:"
        st.button(label, icon=icon, on_click=_pause, args=(lecturer, not paused), key="lecturer-pause")
        with st.popover(_("Clear the queue"), icon=":material/clear_all:", key="lecturer-clear"):
            st.markdown(_("Cancel every run that waits? What is at work goes on."))
            st.button(_("Clear it"), type="primary", on_click=_clear, args=(lecturer,), key="lecturer-clear-sure")
        told = _("Time limit: {time}").format(time=format_about(limit)) if limit else _("Time limit: none")
        with st.popover(told, icon=":material/timer:", key="lecturer-time"):
            help_text = _("A run that worked for so long is stopped, also one that is at work now; it can be resumed.")
            looks = {"placeholder": _("none"), "help": help_text, "key": KEY}
            minutes = st.number_input(_("Minutes that any run may take"), 1, MOST_MINUTES, None, 1, **looks)
            st.button(_("Set"), type="primary", on_click=_limit, args=(lecturer, minutes), key="lecturer-limit-set")


def _attempt(action: Callable[[], object], sentence: str) -> None:
    try:
        action()
    except LabError as error:
        st.session_state[OUTCOME] = (False, str(error))
    else:
        st.session_state[OUTCOME] = (True, sentence)


def _pause(lecturer: Lecturer, paused: bool) -> None:
    said = _("No waiting run starts until the queue goes on.") if paused else _("Waiting runs start again.")
    _attempt(lambda: lecturer.pause(paused), said)


def _clear(lecturer: Lecturer) -> None:
    _attempt(lecturer.clear_queue, _("Every waiting run is cancelled."))


def _limit(lecturer: Lecturer, minutes: int | None) -> None:
    said = _("Runs are stopped after {minutes} min.").format(minutes=minutes) if minutes else _("No time limit for all holds.")
    _attempt(lambda: lecturer.limit_time(None if minutes is None else MINUTE_S * minutes), said)
