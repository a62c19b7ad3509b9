"""The net under every page: whatever goes wrong, a person reads one sentence; the traceback stays in the server's log."""

import streamlit as st

from compression.errors import LabError
from compression.texts import gettext as _


def show_failure(error: Exception) -> bool:
    """Show an error that a page let through; Streamlit has logged it already.

    Returns:
        True: Streamlit shows nothing of its own.
    """
    if isinstance(error, LabError):
        st.error(str(error), icon=":material/error:")
    else:
        sentence = _("Something went wrong on this page; reload it, and if it happens again look into the server's log.")
        st.error(sentence, icon=":material/error:")
    return True
