"""What the sidebar says about the machine and the queue."""

import streamlit as st

from compression.errors import LabError
from compression.texts import gettext as _
from ui.frame import lecturer, person
from ui.frame.machine import device_name
from ui.server import preload

REFRESH_S = 10


def queue_text() -> str:
    """Return the state of the queue in a few words."""
    from compression.runs import store

    try:
        states = [run.state for run in store().runs(states=["queued", "running"])]
    except LabError as error:
        return str(error)
    if not states:
        return _("Queue: idle")
    counts = {"running": states.count("running"), "waiting": states.count("queued")}
    return _("Queue: {running} running, {waiting} waiting").format(**counts)


def problem_text() -> str:
    """Return why no run starts now, as Markdown; nothing while all is well."""
    from compression.runs import supervisor_problem

    if (problem := supervisor_problem()) is None:
        return ""
    preload.load()
    from ui.run.words import as_text  # needs the engine, which the first page must not wait for

    return as_text(problem)


@st.fragment(run_every=REFRESH_S)
def queue_status() -> None:
    """Draw the queue's state and keep it fresh."""
    preload.visited.set()
    st.caption(f":material/list: {queue_text()}")
    if problem := problem_text():
        st.warning(problem, icon=":material/warning:")


def draw() -> None:
    """Draw who the visitor is, the device and the queue."""
    with st.container(gap="xxsmall"):
        person.draw()
        lecturer.draw()
        st.caption(f":material/memory: {device_name()}")
        queue_status()
