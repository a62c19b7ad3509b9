"""Compress: a network, two sliders that show at once what breaks, and Run, which lets it recover."""

import streamlit as st

from compression.errors import LabError
from compression.texts import gettext as _
from ui.address.settings import Address
from ui.frame.pages import COMPRESS, header
from ui.run import current, start
from ui.run.words import as_text

KIND = "compress"

header(COMPRESS)
with st.spinner(_("Getting ready …")):
    from compression.spec import parse
    from ui.compress import form, preview, result
address = Address("run", page=KIND)
current.find(address, KIND)
left, right = st.columns([5, 8], gap="medium")
spec = None
with left:
    request = form.draw(address)
    try:
        spec = parse(request.raw)
    except LabError as error:
        st.error(as_text(str(error)), icon=":material/error:")
    start.run_bar(spec, request.device, _("Run compression"))
address.add("run", current.shown(KIND))
with right:
    address.write()
    run = current.run(KIND)
    if spec is not None:
        preview.show(spec.to_json(), run if run and run.result and run.hash == spec.hash else None)
    if run is not None:
        result.show(run, spec and spec.to_json())
    elif spec is not None:
        result.invite(preview.trains(spec.to_json()))
