"""The server: `streamlit run app.py`."""

import streamlit as st

import house  # noqa: F401
from ui import routes, safety, warmup

app = st.App(
    "ui/shell.py",
    routes=routes.ROUTES,
    middleware=routes.MIDDLEWARE,
    lifespan=warmup.lifespan,
    on_script_error=safety.show_failure,
)
