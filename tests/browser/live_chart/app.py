"""A server with nothing but one live chart that grows."""

import sys
from pathlib import Path

import streamlit as st

sys.path.insert(0, str(Path(__file__).resolve().parents[3]))

from ui.server.plotly_js import plotly_routes

app = st.App(Path(__file__).with_name("page.py"), routes=plotly_routes(""))
