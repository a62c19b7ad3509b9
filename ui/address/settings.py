"""A page's settings in its address: a link reopens what was on screen, and what it cannot give is said.

The names are those of a spec, `student.width` or `train.epochs`, so that what the command line calls a setting works in a link.
Every setting on screen is written, those that have their default too: a link then means the same after a default has changed.
Streamlit's own binding of widgets to the address writes the titles of choices (which change with the language), drops values
that it cannot use without a word, and takes values between a slider's steps; so the lab keeps the address itself.
"""

import difflib
import re
from collections.abc import Callable, Mapping
from typing import Any

import streamlit as st
from streamlit.runtime.scriptrunner import get_script_run_ctx

from compression.texts import gettext as _

PAGE, ARRIVED, ASKED = "address-page", "address-arrived", "address-asked"
SHOWN_CHARACTERS = 40
MOST_ADDRESSES = 100
RUN, SWEEP = "run", "sweep"


def arrive(page: str) -> None:
    """Note which page is drawn, so that its settings are read from the address whenever someone comes to it anew."""
    if st.session_state.get(PAGE) != page:
        st.session_state[PAGE] = page
        st.session_state[ARRIVED] = True


def ask(address: Mapping[str, str]) -> None:
    """Draw the page again as if somebody came to it by that address.

    Each address that a script gives the browser becomes a step of its history. This one is never written: Back then leads from
    what it stands for, once that is written, to what was on screen before.
    """
    st.session_state[ASKED] = dict(address)
    st.rerun(scope="app")


class Address:
    """The settings of one page in one run of its script: `read` each, draw its widget, `keep` its value, then `write`.

    While somebody stays on a page its widgets hold the truth, since a rerun may carry an older address. The address is obeyed
    when somebody comes to the page by it, goes back or forward, or follows a link to the same page.

    Args:
        page: put before the widgets' keys, so that pages with settings of the same name do not share their values.
        earlier: what names, or their beginnings, that links had before mean today; with `_` in place of dots.

    Attributes:
        notes: sentences about what the address asks for and cannot have; `write` shows them until a setting changes.
        blocks: sentences about why what is on screen cannot run.
    """

    def __init__(self, page: str, earlier: Mapping[str, str] | None = None) -> None:
        self.page = page
        self._earlier = earlier or {}
        asked = st.session_state.pop(ASKED, None)
        given = asked or st.query_params.to_dict()
        context = get_script_run_ctx()
        back = bool(context and getattr(context, "is_history_navigation", False))
        self._written: list[dict[str, str]] = st.session_state.setdefault(f"{page}-addresses", [])
        arrived = st.session_state.get(ARRIVED, PAGE not in st.session_state)
        self._obeyed = back or bool(asked) or (bool(given) and (arrived or given not in self._written))
        self._given = {self._form(name): (name, text) for name, text in given.items()} if self._obeyed else {}
        self._names: list[str] = []
        self._kept: dict[str, str] = {}
        self._says_all = True
        self.notes: list[str] = []
        self.blocks: list[str] = []

    @property
    def open(self) -> bool:
        """Whether nothing is known yet of what the settings shall be, beside the run that is shown."""
        return not self.linked and (self._obeyed or not self._written)

    @property
    def linked(self) -> bool:
        """Whether the address that is obeyed asks for settings, beside the run or the sweep that is shown."""
        return bool(self._given.keys() - {RUN, SWEEP})

    def fill(self, settings: Mapping[str, str]) -> None:
        """Take settings from elsewhere, such as the run that is shown; those that the page does not have are not told."""
        self._obeyed, self._says_all = True, False
        self._given |= {self._form(name): (name, text) for name, text in settings.items()}

    def asks(self, name: str) -> str | None:
        """Return the text that the address gives for a setting; None where it gives none or is not obeyed."""
        self._names.append(name)
        return self._given.get(self._form(name), (name, None))[1]

    def read(self, name: str, default: Any, understand: Callable[[str], Any] = str) -> Any:
        """Put a setting's value where its widget finds it, and return it: what the address asks for, else as it was.

        Args:
            default: the value where neither says anything.
            understand: turns the address's text into a value; a ValueError says in one sentence why it cannot be, and may
                carry as its second argument the value to use in its place.
        """
        key, text = self.key(name), self.asks(name)
        if text is not None:
            try:
                st.session_state[key] = understand(text)
            except ValueError as error:
                self.notes.append(str(error.args[0]))
                st.session_state[key] = error.args[1] if len(error.args) > 1 else default
        elif self._obeyed or key not in st.session_state:
            st.session_state[key] = default
        return st.session_state[key]

    def recall(self, name: str, default: Any) -> Any:
        """Return what a page holds without a name for it in the address; where the address is obeyed, what follows from it."""
        key = self.key(name)
        if self._obeyed or key not in st.session_state:
            st.session_state[key] = default
        return st.session_state[key]

    def key(self, name: str) -> str:
        """Return the key of a setting's widget."""
        return f"{self.page}-{name}"

    def keep(self, name: str, value: Any) -> None:
        """Give a setting its place in the address; an empty text leaves it."""
        if text := setting_text(value):
            self._kept[name] = text

    def block(self, sentence: str) -> None:
        """Say why what is on screen cannot run."""
        self.blocks.append(sentence)

    def write(self) -> None:
        """Write the address if it is not so already, and say which of its names and values could not be used."""
        notes = [*self.notes, *self._not_understood()]
        last = st.session_state.get(f"{self.page}-notes", ({}, []))
        if not notes and last[0] == self._kept:
            notes = last[1]
        st.session_state[f"{self.page}-notes"] = (self._kept, notes)
        if self._kept not in self._written:
            self._written.append(self._kept)
            del self._written[:-MOST_ADDRESSES]
        if st.query_params.to_dict() != self._kept:
            st.query_params.from_dict(self._kept)
        st.session_state[ARRIVED] = False
        for note in notes:
            st.warning(note, icon=":material/link_off:")

    def _form(self, name: str) -> str:
        """Return what all ways to write a name have in common."""
        form = name.replace(".", "_").removesuffix("_name")
        for old, new in self._earlier.items():
            if form == old or form.startswith(f"{old}_"):
                return new + form.removeprefix(old)
        return form

    def _not_understood(self) -> list[str]:
        """Return a sentence for each name in the address that the page did not read, with the name that may be meant."""
        if not self._says_all:
            return []
        known = {self._form(name) for name in self._names}
        wrong = [name for form, (name, _text) in self._given.items() if form not in known]
        sentence = _("The link sets “{name}”, which is no setting of this page as it stands; it is ignored.")
        guess = _("The link sets “{name}”, which is no setting of this page as it stands; it is ignored. Did you mean {near}?")
        nearest = {name: self._nearest(name) for name in wrong}
        return [(guess if near else sentence).format(name=plain(name), near=near) for name, near in nearest.items()]

    def _nearest(self, name: str) -> str:
        names = list(dict.fromkeys(self._names))
        same_end = [known for known in names if re.split(r"[._]", known)[-1] == re.split(r"[._]", name)[-1]]
        return _(" or ").join(same_end[:2] or difflib.get_close_matches(name, names, n=1))


def setting_text(value: Any) -> str:
    """Return a value as the address has it: yes or no, all digits of a number, a list with commas, `none` for nothing."""
    if value is None:
        return "none"
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list | tuple):
        return ",".join(map(setting_text, value))
    return repr(value).removesuffix(".0") if isinstance(value, float) else str(value)


def plain(text: str) -> str:
    """Return a stranger's text fit for a sentence on a page: short, and without signs that Markdown reads."""
    shown = re.sub(r"[^\w.,:+ -]", "·", text).replace("_", " ")
    return shown if len(shown) <= SHOWN_CHARACTERS else shown[: SHOWN_CHARACTERS - 1] + "…"


def refused(name: str, text: str, allowed: str, used: Any) -> ValueError:
    """Return the error that says what the address asked for, what is allowed and what is used instead."""
    sentence = _("The link asks for {name} “{text}”, but {allowed}; {used} is used instead.")
    return ValueError(sentence.format(name=name, text=plain(text), allowed=allowed, used=used), used)
