"""What a person can take along from a run: its numbers, its spec, its command, the way to Compare."""

import json

import streamlit as st

from compression.runs.records import FINISHED, Run
from compression.texts import gettext as _
from ui.frame.pages import COMPARE, RUNS
from ui.run.feed import watch
from ui.run.words import command_line


def take_away(run: Run) -> None:
    """Draw what can be taken along: the numbers, the spec, the command, the way to Compare."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        looks = {"icon": ":material/download:", "on_click": "ignore"}
        if not run.active:
            seen = watch(run.id)
            st.download_button(_("Curves (CSV)"), lambda: seen.frame.to_csv(index=False), f"{run.id}.csv", "text/csv", **looks)
        spec = json.dumps(run.spec, indent=2)
        st.download_button(_("Spec (JSON)"), spec, f"{run.id}.json", "application/json", **looks)
        with st.popover(_("Command line"), icon=":material/terminal:"):
            st.markdown(_("The same run, on a command line:"))
            st.code(command_line(run.spec), language="bash", wrap_lines=True)
        if run.state == FINISHED:
            st.page_link(COMPARE.page(), label=_("Open in Compare"), icon=COMPARE.icon, query_params={"runs": run.id})
        st.page_link(RUNS.page(), label=_("Files and log"), icon=RUNS.icon, query_params={"run": run.id})
