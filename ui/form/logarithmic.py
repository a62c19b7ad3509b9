"""A slider whose steps grow with its value, beside a box that takes every value."""

from typing import Any

import streamlit as st

from compression.catalog import Knob

PREFERRED = (1.0, 1.5, 2.0, 2.5, 3.0, 4.0, 5.0, 6.0, 8.0)  # of a decade: about equal ratios, and numbers that people say
DECADES = range(-6, 7)


def slider(label: str, knob: Knob, value: float, *, key: str, help: str, persist_state: str, format: str = "%g") -> float:
    """Draw both, and return the value; the box holds it, the slider follows.

    Args:
        value: what the box holds now; between two steps of the slider it becomes one of them.
        key: of the box.
    """
    follows = f"{key}-slider"

    def take() -> None:
        st.session_state[key] = float(st.session_state[follows])

    st.session_state[follows] = value
    left, right = st.columns([5, 2], gap="small", vertical_alignment="bottom")
    with left:
        looks: dict[str, Any] = {"format_func": "{:g}".format, "help": help, "on_change": take}
        st.select_slider(label, stops(knob, value), key=follows, **looks)
    with right:
        box = {"format": format, "label_visibility": "collapsed", "persist_state": persist_state}
        return st.number_input(label, float(knob.low), float(knob.high), step=float(knob.step), key=key, **box)


def stops(knob: Knob, value: float) -> list[float]:
    """Return the values that the slider stops at, in order: preferred numbers, both ends and the present value."""
    steps = (number * 10.0**decade for decade in DECADES for number in PREFERRED)
    return sorted({float(knob.low), float(knob.high), float(value), *(step for step in steps if knob.low < step < knob.high)})
