"""Distill: a teacher, a student, a few sliders and Run; curves that grow, then the verdict."""

import streamlit as st

from compression.errors import LabError
from compression.texts import gettext as _
from ui.address.settings import Address
from ui.frame.pages import DISTILL, header
from ui.run import current, start
from ui.run.words import as_text

KIND = "distill"

header(DISTILL)
with st.spinner(_("Getting ready …")):
    from compression.spec import parse
    from ui.distill import form, result
address = Address("run")
current.find(address, KIND)
notes = st.container()
left, right = st.columns([5, 8], gap="medium")
spec = None
with left:
    request = form.draw(address)
    try:
        spec = parse(request.raw)
    except LabError as error:
        st.error(as_text(str(error)), icon=":material/error:")
    start.run_bar(spec, request.device, _("Run"))
address.add("run", current.shown(KIND))
with notes:
    address.write()
with right:
    if run := current.run(KIND):
        result.show(run, spec and spec.to_json())
    elif spec is not None:
        result.invite(spec.to_json())
