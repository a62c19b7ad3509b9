"""Compress: a network, two sliders that show at once what breaks, and Run, which lets it recover."""

import streamlit as st

from compression.texts import gettext as _
from ui.address.settings import Address
from ui.frame.pages import COMPRESS, header
from ui.run import current, start

KIND = "compress"

header(COMPRESS)
with st.spinner(_("Getting ready …")):
    from ui.compress import form, preview, result
address = Address(KIND, form.EARLIER_NAMES)
filled = current.find(address)
left, right = st.columns([5, 8], gap="medium")
with left:
    request = form.draw(address)
    spec = start.requested(address, request.raw, filled)
    start.run_bar(address, spec, request.device, _("Run compression"))
with right:
    address.write()
    run = current.run(KIND)
    if spec is not None:
        preview.show(spec.to_json(), run if run and run.result and run.hash == spec.hash else None)
    if run is not None:
        result.show(run, spec and spec.to_json())
    elif spec is not None:
        result.invite(preview.trains(spec.to_json()))
