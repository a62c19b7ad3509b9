"""Home: what the lab is, a result that already says something, and where to start."""

import json

import streamlit as st

from compression.texts import gettext as _
from ui.frame import machine
from ui.frame.pages import COMPARE, COMPRESS, DISTILL, PAPERS, Place
from ui.run import example
from ui.widgets.live_chart import live_chart


def introduce() -> None:
    """Say what the lab is for, and offer the first step."""
    st.title(_("Make networks small, and see what it costs"), anchor=False)
    st.markdown(
        _(
            "Let a large network teach a small one, prune it, round its weights. Move a slider, press **Run**, and watch "
            "accuracy, speed and size while it trains. Every answer comes with its uncertainty."
        )
    )
    if st.button(_("Start a first distillation"), type="primary", icon=":material/arrow_forward:"):
        st.switch_page(DISTILL.page())
    st.caption(_("Runs on this machine: {device}. A run goes on when you close the tab.").format(device=machine.device_name()))


def show_result() -> None:
    """Show the kept result with what it stands on."""
    with st.container(border=True):
        st.subheader(example.headline(), anchor=False)
        st.caption(example.footing())
        label = _("Validation accuracy of teacher, baseline and student over epochs")
        live_chart(example.figure_json(), key="home-chart", label=label, height=example.HEIGHT)
        row = st.container(horizontal=True, vertical_alignment="center")
        row.page_link(PAPERS.page(), label=_("Papers' results, measured here"), icon=PAPERS.icon)
        with row.popover(_("How it was made"), icon=":material/science:"):
            st.markdown(_("This lab made it, with this command and these settings:"))
            st.code("python -m compression run assets/home/spec.json", language="bash")
            st.code(json.dumps(example.run()["spec"], indent=2), language="json", height=320)


def start(place: Place, sentence: str) -> None:
    """Draw one starting point; the whole box is its link."""
    with st.container(border=True, height="stretch", key=f"start-{place.name}"):
        st.page_link(place.page(), label=f"**{_(place.title)}**", icon=place.icon)
        st.caption(sentence)


left, right = st.columns([5, 7], gap="large", vertical_alignment="center")
with left:
    introduce()
st.space("xsmall")
starts = st.columns(3, gap="medium")
with starts[0]:
    start(DISTILL, _("Choose a teacher and a student, set temperature and alpha, and see whether teaching beats training alone."))
with starts[1]:
    start(COMPRESS, _("Remove weights and bits with two sliders, see at once what breaks, then let the network recover."))
with starts[2]:
    start(COMPARE, _("Put every finished model on one chart: accuracy against size, latency and computation."))
with right:
    show_result()
