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
    from ui.form import try_several
    from ui.run import sweep_view
address = Address(KIND, form.EARLIER_NAMES)
filled = current.find(address)
left, right = st.columns([5, 8], gap="medium")
with left:
    request = form.draw(address)
    spec = start.requested(address, request.raw, filled)
    sweep = try_several.draw(address, spec) if spec else None
    with st.container(key="run-dock", gap=None):
        glance = st.empty()
        start.run_bar(address, spec, request.device, _("Run compression"), sweep, time_limit_s=request.time_limit_s)
with right:
    address.write()
    run = current.run(KIND)
    if spec is not None:
        preview.show(spec.to_json(), run if run and run.result and run.hash == spec.hash else None, glance)
    if shown := current.sweep(KIND):
        sweep_view.show(shown)
    elif run is not None:
        result.show(run, spec and spec.to_json())
    elif spec is not None:
        result.invite(preview.trains(spec.to_json()))
