"""Distill: a teacher, a student, a few sliders and Run; curves that grow, then the verdict."""

import streamlit as st

from compression.texts import gettext as _
from ui.address.settings import Address
from ui.frame.pages import DISTILL, header
from ui.run import current, start

KIND = "distill"

header(DISTILL)
with st.spinner(_("Getting ready …")):
    from ui.distill import closer, fair_fight, form, result
    from ui.form import try_several
    from ui.run import sweep_view
address = Address(KIND, form.EARLIER_NAMES)
filled = current.find(address)
notes = st.container()
left, right = st.columns([5, 8], gap="medium")
with left:
    request = form.draw(address)
    spec = start.requested(address, request.raw, filled)
    sweep = try_several.draw(address, spec) if spec else None
    with st.container(key="run-dock", horizontal=True, vertical_alignment="top", gap="small"):
        fair_fight.switch(address)
        start.run_bar(address, spec, request.device, _("Run"), sweep, time_limit_s=request.time_limit_s)
closer.note(address, current.run(KIND))
with notes:
    address.write()
with right:
    if shown := current.sweep(KIND):
        sweep_view.show(shown)
    elif run := current.run(KIND):
        result.show(address, run, spec and spec.to_json())
    else:
        result.invite(spec and spec.to_json())
