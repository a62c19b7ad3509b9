"""How the teacher is trained: as teachers of the dataset usually are, or by settings of its own."""

from typing import Any

import streamlit as st

from compression.catalog import Entry
from compression.recipe import RECIPE, default_recipe
from compression.texts import gettext as _
from ui.address.settings import Address
from ui.form.widgets import flag, knobs_form

FIELD = "teacher_train"


def draw(address: Address, data: Entry) -> dict[str, Any] | None:
    """Draw the choice, and the settings where they are the teacher's own; return them, None for the usual ones."""
    usual, knobs = default_recipe(data), {name: knob for name, knob in RECIPE.knobs.items() if name != "precision"}
    help_text = _("Otherwise the teacher is trained as teachers of this dataset usually are, once for all runs")
    # A link that names one of the settings means the teacher's own.
    asked = any(address.asks(f"{FIELD}.{name}") is not None for name in knobs)
    with st.expander(_("The teacher's training"), expanded=False):
        if not flag(address, FIELD, default=asked, label=_("Settings of its own"), help=help_text):
            return None
        return knobs_form(address, knobs, FIELD, defaults=usual)
