"""The server: `streamlit run app.py`."""

import streamlit as st

import our_compression  # noqa: F401
from ui.server import preload, routes, script_errors

script_errors.say_expected_failures_in_one_line()
app = st.App(
    "ui/shell.py",
    routes=routes.ROUTES,
    middleware=routes.MIDDLEWARE,
    lifespan=preload.lifespan,
    on_script_error=script_errors.show_failure,
)
