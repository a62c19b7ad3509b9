"""Where the lecturer enters the key, in the sidebar."""

import streamlit as st

from compression.errors import LabError
from compression.texts import gettext as _
from ui.server import lecturer_session

KEY = "lecturer"


def draw() -> None:
    """Draw the field for the key, or that it was given; nothing where the lab has no key."""
    if not lecturer_session.possible():
        return
    if lecturer_session.current() is not None:
        with st.popover(_("You are the lecturer"), icon=":material/key:", key=f"{KEY}-entered", type="tertiary"):
            st.caption(_("On Runs you can cancel anybody's run, change the queue and limit the time of all runs."))
            st.button(_("Leave"), on_click=lecturer_session.leave)
        return
    help_text = _("The lecturer may cancel anybody's run and change the queue; the key was printed where the server started.")
    opened = st.popover(_("For the lecturer"), icon=":material/key:", key=KEY, type="tertiary", help=help_text)
    with opened, st.form(f"{KEY}-form", border=False):
        given = st.text_input(_("Lecturer's key"), type="password")
        if st.form_submit_button(_("Open"), type="primary"):
            _enter(given)


def _enter(given: str) -> None:
    try:
        lecturer_session.enter(given)
    except LabError as error:
        st.error(str(error), icon=":material/error:")
    else:
        st.rerun()
