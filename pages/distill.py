"""Distill: a teacher, a student, a few sliders and Run; curves that grow, then the verdict."""

import streamlit as st

from compression.errors import LabError
from compression.texts import gettext as _
from ui import shown
from ui.address import Address
from ui.places import DISTILL, header
from ui.run_words import as_text

KIND = "distill"

header(DISTILL)
with st.spinner(_("Getting ready …")):
    from compression.spec import parse
    from ui import distill_form, distill_result
address = Address("run")
shown.find(address, KIND)
notes = st.container()
left, right = st.columns([5, 8], gap="medium")
spec = None
with left:
    request = distill_form.draw(address)
    try:
        spec = parse(request.raw)
    except LabError as error:
        st.error(as_text(str(error)), icon=":material/error:")
    shown.run_bar(spec, request.device, _("Run"))
address.add("run", shown.shown(KIND))
with notes:
    address.write()
with right:
    if run := shown.run(KIND):
        distill_result.show(run, spec and spec.to_json())
    elif spec is not None:
        distill_result.invite(spec.to_json())
