"""The page Temperature below its choice of networks: probabilities and gradients at a temperature that is dragged."""

import streamlit as st

from compression.distillation import DISTILLATION
from compression.texts import gettext as _
from ui.address.settings import Address
from ui.form.widgets import understand_number
from ui.frame.pages import DISTILL
from ui.run import softened_answers
from ui.run.answers import Subject


def show(address: Address, subject: Subject) -> None:
    """Draw the answers of a run's networks, and the way to a distillation at the temperature that is shown.

    Raises:
        LabError: the data is not there, or a file cannot be used.
    """
    knob = DISTILLATION["kd"].knobs["temperature"]
    understand = lambda text: understand_number(knob, text, knob.default, _("Temperature"))  # noqa: E731
    start = address.read("temperature", knob.default, understand)
    temperature = softened_answers.show(subject, float(start), key="temperature-softened")
    address.keep("temperature", temperature)
    told = f"{temperature:g}"
    asked = {"loss": "kd", "loss.temperature": told}
    st.page_link(
        DISTILL.page(), label=_("Distill at T = {temperature}").format(temperature=told), icon=DISTILL.icon, query_params=asked
    )
