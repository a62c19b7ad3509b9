"""Temperature: what softening does to a teacher's answers, and why the loss has T² in it."""

import streamlit as st

from compression.errors import LabError
from compression.texts import gettext as _
from ui.address.settings import Address
from ui.frame.pages import TEMPERATURE, header
from ui.run.words import as_text
from ui.temperature import subject, view

header(TEMPERATURE)
st.markdown(
    _(
        "A teacher that is right says more than the label: which wrong answers were close. Dividing its logits by a temperature T"
        " before the softmax makes that visible, to you and to the student, which is asked to match the softened probabilities."
    )
)
address = Address("temperature")
notes = st.container()
try:
    view.show(address, subject.choose(address))
except LabError as error:
    st.info(as_text(str(error)), icon=":material/hourglass_top:")
with notes:
    address.write()
