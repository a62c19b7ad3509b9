"""What a temperature does, seen without leaving the Distill page: bars that move while it is dragged."""

from collections.abc import Mapping, Sequence
from typing import Any

import streamlit as st

from compression.distillation import DISTILLATION
from compression.errors import LabError
from compression.runs import store
from compression.runs.records import FINISHED
from compression.texts import gettext as _
from ui.address.settings import Address
from ui.run import answers, current, softened_answers
from ui.run.answers import Subject
from ui.run.words import as_text


def offer(address: Address, loss: Mapping[str, Any] | Sequence[Mapping[str, Any]]) -> None:
    """Draw the button that shows what the temperature does, if there is a loss that compares answers softened by it."""
    losses = loss if isinstance(loss, list) else [loss]
    place = next((place for place, part in enumerate(losses) if DISTILLATION[part["name"]].traits.get("softens")), None)
    if place is None:
        return
    setting = f"loss.{place}.temperature" if place else "loss.temperature"
    looks = {"icon": ":material/thermostat:", "type": "tertiary", "key": "see-temperature"}
    if st.button(_("See what T does"), help=_("Drag it over a teacher's answers to real images"), **looks):
        _dialog()(address.key(setting), float(losses[place]["temperature"]))


def _dialog() -> Any:
    return st.dialog(_("What the temperature does"), width="large", icon=":material/thermostat:")(_draw)


def _draw(held: str, temperature: float) -> None:
    subject = _subject()
    words = {True: _("Networks of the run on this page."), False: _("Networks of the example that comes with the lab.")}
    st.caption(words[bool(subject.name)])
    try:
        chosen = softened_answers.show(subject, temperature, key="distill-softened", gradients=False)
    except LabError as error:
        st.info(as_text(str(error)), icon=":material/hourglass_top:")
        return
    label = _("Use T = {temperature}").format(temperature=f"{chosen:g}")
    if st.button(label, type="primary", on_click=st.session_state.__setitem__, args=(held, chosen)):
        st.rerun()


def _subject() -> Subject:
    """Return the networks of the run on the page if it has finished with a teacher of its own, else those of the example."""
    shown = current.shown("distill")
    if shown and (run := store().run(shown)).state == FINISHED:
        try:
            found = answers.of_run(run, run.spec["seeds"][0])
        except LabError:
            return answers.of_example()
        if {"teacher", "student"} <= found.files.keys():
            return found
    return answers.of_example()
