"""Whether the visitor is the lecturer: the key that a session was given, asked of the engine at each use."""

import streamlit as st

from compression.errors import LabError
from compression.runs import lecturer, store
from compression.runs.lecturer import Lecturer

GIVEN = "lecturer-key-given"


def enter(given: str) -> None:
    """Keep a key for the session.

    Raises:
        LabError: it is not this lab's.
    """
    Lecturer(store(), given)
    st.session_state[GIVEN] = given


def leave() -> None:
    """Be a visitor like everybody else again."""
    st.session_state.pop(GIVEN, None)


def current() -> Lecturer | None:
    """Return the lecturer that the session is, or None."""
    given = st.session_state.get(GIVEN)
    try:
        return Lecturer(store(), given) if given else None
    except LabError:  # the key is another one by now
        return None


def possible() -> bool:
    """Tell whether this lab has a lecturer's key."""
    return lecturer.key() is not None
