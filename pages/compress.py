"""Compress: a network, two sliders that show at once what breaks, and Run, which lets it recover."""

import streamlit as st

from compression.errors import LabError
from compression.texts import gettext as _
from ui import shown
from ui.address import Address
from ui.places import COMPRESS, header
from ui.run_words import as_text

KIND = "compress"

header(COMPRESS)
with st.spinner(_("Getting ready …")):
    from compression.spec import parse
    from ui import compress_form, compress_result, compress_view
address = Address("run", page=KIND)
shown.find(address, KIND)
left, right = st.columns([5, 8], gap="medium")
spec = None
with left:
    request = compress_form.draw(address)
    try:
        spec = parse(request.raw)
    except LabError as error:
        st.error(as_text(str(error)), icon=":material/error:")
    shown.run_bar(spec, request.device, _("Run compression"))
address.add("run", shown.shown(KIND))
with right:
    address.write()
    run = shown.run(KIND)
    if spec is not None:
        compress_view.show(spec.to_json(), run if run and run.result and run.hash == spec.hash else None)
    if run is not None:
        compress_result.show(run, spec and spec.to_json())
    elif spec is not None:
        compress_result.invite(compress_view.trains(spec.to_json()))
