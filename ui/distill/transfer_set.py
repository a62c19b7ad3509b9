"""The controls of the transfer set: what student and baseline learn from, of all that the teacher learned from."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import streamlit as st

from compression.catalog import Entry
from compression.charts.numbers import format_count
from compression.data.load import train_images_knob
from compression.schemes import SCHEMES
from compression.texts import gettext as _
from ui.address.settings import Address, refused
from ui.form import shared

CLASSES = "transfer.classes"


def images(address: Address, data: Entry, teachers: int | None, scheme: Mapping[str, Any]) -> int | None:
    """Draw how many images student and baseline learn from, at most the teacher's; the usual number belongs to the dataset.

    Args:
        scheme: one that makes the student's images leaves these to the baseline alone.
    """
    knob, name = train_images_knob(data), "transfer.images"
    most = teachers or int(knob.high or 0)
    help_text = _("How many of the teacher's training images student and baseline learn from; empty means all")
    usual, held = data.traits["transfer_images"], address.key(name)
    usual = usual if usual is None else min(usual, most)
    before = st.session_state.get(f"{held}-usual", (data.name, usual))
    if before[0] != data.name or st.session_state.get(held) == before[1]:
        st.session_state[held] = usual
    st.session_state[f"{held}-usual"] = (data.name, usual)
    number, everything = st.columns([3, 1], gap="small", vertical_alignment="bottom")
    with number:
        made = "makes" in SCHEMES[scheme["name"]].traits
        whose = _("Baseline sees, of {count} images") if made else _("Student sees, of {count} images")
        label = whose.format(count=format_count(most))
        images = shared.image_count(address, name, label, replace(knob, high=most, help=help_text), usual=usual)
    with everything:
        st.button(_("All"), disabled=images is None, width="stretch", on_click=st.session_state.update, args=({held: None},))
    return images


def classes(address: Address, data: Entry) -> list[int] | None:
    """Draw which classes student and baseline never see; return those that they do see, None for all."""
    names, key = data.traits["class_names"], address.key(CLASSES)
    every = range(len(names))

    def understand(text: str) -> list[int]:
        seen = [int(part) for part in text.split(",") if part.strip().isdecimal() and int(part) in every]
        if text != "all" and (not seen or len(seen) < len(text.split(","))):
            allowed = _("allowed are numbers from 0 to {last}").format(last=len(names) - 1)
            raise ValueError(refused(_("classes"), text, allowed, _("all")).args[0], [])
        return [] if text == "all" else [one for one in every if one not in seen]

    left_out = [one for one in address.read(CLASSES, [], understand) if one in every]
    if st.session_state.get(f"{key}-of", data.name) != data.name:
        left_out = []  # another dataset's classes are other things
    st.session_state[f"{key}-of"], st.session_state[key] = data.name, left_out
    looks = {"format_func": names.__getitem__, "placeholder": _("none"), "persist_state": "session"}
    help_text = _("Student and baseline learn from no image of these classes; what they know of them then comes from the teacher")
    chosen = st.multiselect(
        _("Classes the student never sees"), every, key=key, max_selections=len(names) - 1, help=help_text, **looks
    )
    seen = [one for one in every if one not in chosen]
    address.keep(CLASSES, seen if chosen else "all")
    return seen if chosen else None
