"""The settings in a page's address: a link reopens what was on screen, and nonsense in it is said, not obeyed.

Streamlit's own binding of widgets to the address writes the titles of choices (which change with the language), drops values
that it cannot use without a word, and takes values between a slider's steps; so the lab keeps the address itself.
"""

import re
from collections.abc import Callable
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from compression.texts import gettext as _

PLACE, ARRIVED = "address_place", "address_arrived"
SHOWN_CHARACTERS = 40


def arrive(place: str) -> None:
    """Note which page is drawn, so that its settings are read from the address whenever someone comes to it anew."""
    if st.session_state.get(PLACE) != place:
        st.session_state[PLACE] = place
        st.session_state[ARRIVED] = True


class Address:
    """The settings of one page in one run of its script: `read` each, draw its widget, `keep` its value, then `write`.

    Args:
        known: the names that this page's address may carry beside its settings, such as the run shown.
        page: put before the widgets' keys, so that pages with settings of the same name do not share their values.

    Attributes:
        anew: whether someone just came to the page, by a link or by the browser's back button.
        notes: sentences about what the address asks for and cannot have; `write` shows them.
    """

    def __init__(self, *known: str, page: str = "") -> None:
        self._page = page
        context = get_script_run_ctx()
        back = bool(context and getattr(context, "is_history_navigation", False))
        arrived = st.session_state.pop(ARRIVED, PLACE not in st.session_state)
        self._given = {name: value for name, value in st.query_params.to_dict().items() if name not in known}
        self._kept = {name: value for name, value in st.query_params.to_dict().items() if name in known}
        self.anew = back or arrived
        self._obeyed = back or (arrived and bool(self._given))
        self.notes: list[str] = []

    def read(self, key: str, default: Any, understand: Callable[[str], Any]) -> None:
        """Put a setting's value where its widget finds it: from the address when it is obeyed, else as it was, else the default.

        Args:
            understand: turns the address's text into a value; a ValueError says in one sentence why it cannot be, and may
                carry as its second argument the value to use in its place.
        """
        held = self.widget(key)
        if self._obeyed and key in self._given:
            try:
                st.session_state[held] = understand(self._given[key])
            except ValueError as error:
                self.notes.append(str(error.args[0]))
                st.session_state[held] = error.args[1] if len(error.args) > 1 else default
        elif self._obeyed or held not in st.session_state:
            st.session_state[held] = default

    def widget(self, key: str) -> str:
        """Return the key of a setting's widget."""
        return f"{self._page}-{key}" if self._page else key

    def keep(self, key: str, value: Any, default: Any, text: str | None = None) -> None:
        """Remember a setting for the address; defaults are left out of it."""
        if value != default:
            self._kept[key] = str(value) if text is None else text

    def write(self) -> None:
        """Write the address if it is not so already, and say which of its values could not be used."""
        if st.query_params.to_dict() != self._kept:
            st.query_params.from_dict(self._kept)
        for note in self.notes:
            st.warning(note, icon=":material/link_off:")

    def add(self, key: str, value: str | None) -> None:
        """Set or remove one of the names beside the settings."""
        self._kept.pop(key, None)
        if value:
            self._kept[key] = value


def plain(text: str) -> str:
    """Return a stranger's text fit for a sentence on a page: short, and without signs that Markdown reads."""
    shown = re.sub(r"[^\w.,:+ -]", "·", text).replace("_", " ")
    return shown if len(shown) <= SHOWN_CHARACTERS else shown[: SHOWN_CHARACTERS - 1] + "…"


def refused(name: str, text: str, allowed: str, used: Any) -> ValueError:
    """Return the error that says what the address asked for, what is allowed and what is used instead."""
    sentence = _("The link asks for {name} “{text}”, but {allowed}; {used} is used instead.")
    return ValueError(sentence.format(name=name, text=plain(text), allowed=allowed, used=used), used)
