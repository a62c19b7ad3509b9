"""Rows of a table that a person marks, kept by what they are about: positions shift whenever a row comes or goes."""

from collections.abc import Callable, Sequence

import streamlit as st


def hold(key: str, ids: Sequence[str], chosen: Sequence[str], row_of: Callable[[str], int] | None = None) -> None:
    """Let a table whose rows stand for `ids` show the chosen ones as marked; marks that say the same already stay as they are.

    Args:
        key: the table's key; the table is drawn after this.
        ids: what each row stands for; several rows may stand for the same.
        chosen: those that are marked; what no row stands for is ignored.
        row_of: which of its rows an id marks; the first by default.
    """
    visible = [chosen_id for chosen_id in chosen if chosen_id in ids]
    rows = _rows(key)
    if any(row >= len(ids) for row in rows) or {ids[row] for row in rows} != set(visible):
        st.session_state[key] = {"selection": {"rows": [(row_of or ids.index)(chosen_id) for chosen_id in visible]}}


def marked(key: str, ids: Sequence[str]) -> list[str]:
    """Return what the marked rows stand for, in the order of the table."""
    return list(dict.fromkeys(ids[row] for row in sorted(_rows(key)) if row < len(ids)))


def _rows(key: str) -> list[int]:
    state = st.session_state.get(key)
    return list(state["selection"]["rows"]) if state else []
