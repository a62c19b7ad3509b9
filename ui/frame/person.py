"""Who one is to others: a name and a colour that one chooses, in the sidebar."""

import streamlit as st

from compression.errors import LabError
from compression.runs.people import LONGEST_NAME
from compression.texts import gettext as _
from ui.server import signed_in
from ui.server.identity import COLOURS, choose_name, colour_of, display_name, owner

KEY = "person"


def draw() -> None:
    """Draw what others call the visitor, and the form that changes it; whoever signed in keeps the account's name."""
    me = owner()
    name, colour = display_name(me), colour_of(me)
    label = f":{colour}[:material/person:] {name}"
    with st.popover(label, key=KEY, type="tertiary", help=_("What others call you, in lists of runs")):
        if signed_in.account():
            st.caption(_("You are signed in by this name."))
        else:
            _form(name, colour)


def _form(name: str, colour: str) -> None:
    with st.form(f"{KEY}-form", border=False):
        chosen = st.text_input(_("Your name, for everybody to read"), placeholder=name, max_chars=LONGEST_NAME)
        looks = {"format_func": lambda one: f":{one}[●] {_(COLOURS[one])}", "required": True}
        wanted = st.pills(_("Your colour"), list(COLOURS), default=colour, **looks)
        if st.form_submit_button(_("Keep"), type="primary"):
            _keep(chosen or name, wanted or colour)


def _keep(name: str, colour: str) -> None:
    try:
        choose_name(name, colour)
    except LabError as error:
        st.error(str(error), icon=":material/error:")
    else:
        st.rerun()
