"""The files of a run: its curves, its settings, its networks; and the command that runs it again."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import streamlit as st

from compression import settings
from compression.charts.numbers import format_bytes
from compression.roles import role_title
from compression.runs.records import FINISHED, Event, Run
from compression.texts import gettext as _
from ui.frame.pages import COMPARE, RUNS
from ui.run.feed import Watch, watch
from ui.run.words import command_line, titles

BINARY = "application/octet-stream"
GUIDE = Path(__file__).resolve().parents[2] / "docs" / "take-a-network-home.md"


def download_row(run: Run) -> None:
    """Draw in one row what there is to download from a run, its command, and the ways to Compare and to Runs."""
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        if not run.active and not (seen := watch(run.id)).frame.empty:
            curves_button(seen)
        spec_button(run)
        with st.popover(_("Command line"), icon=":material/terminal:"):
            st.markdown(_("The same run, on a command line:"))
            st.code(command_line(run.spec), language="bash", wrap_lines=True)
        if run.state == FINISHED:
            guide()
            st.page_link(COMPARE.page(), label=_("Open in Compare"), icon=COMPARE.icon, query_params={"runs": run.id})
        st.page_link(RUNS.page(), label=_("Files and log"), icon=RUNS.icon, query_params={"run": run.id})


def curves_button(seen: Watch) -> None:
    """Draw the download of a run's curves."""
    _button(_("Curves (CSV)"), lambda: seen.frame.to_csv(index=False), f"{seen.run.id}-curves.csv", "text/csv")


def spec_button(run: Run) -> None:
    """Draw the download of a run's settings, as the command line takes them."""
    _button(_("Settings (JSON)"), json.dumps(run.spec, indent=2), f"{run.id}-settings.json", "application/json")


def network_button(run: Run, name: str, label: str, **looks: Any) -> None:
    """Draw the download of a network's file, if it is still there."""
    path = artifact_path(run, name)
    if path.is_file():
        _button(label, path.read_bytes, f"{run.id}-{path.name}", BINARY, **looks)


def network_buttons(run: Run, events: Sequence[Event]) -> None:
    """Draw the downloads of all networks of a run, and say how many are gone."""
    made = artifacts(events)
    there = [artifact for artifact in made if artifact_path(run, artifact["name"]).is_file()]
    with st.container(horizontal=True):
        for artifact in there:
            network_button(
                run,
                artifact["name"],
                artifact_label(artifact, titles(run.spec)),
                key=f"download-file-{run.id}-{artifact['name']}",
            )
        if there:
            guide()
    if len(there) < len(made):
        gone = _("{count} of its {all} model files are no longer there; run it again to make them anew.")
        st.caption(gone.format(count=len(made) - len(there), all=len(made)))


def guide() -> None:
    """Draw how a downloaded network is used without the lab, behind a button."""
    with st.popover(_("Use a network elsewhere"), icon=":material/code:"):
        st.markdown(GUIDE.read_text(encoding="utf-8").partition("\n")[2])


def artifacts(events: Sequence[Event]) -> list[dict[str, Any]]:
    """Return the model files that the run told of, each once."""
    told = {str(event.payload.get("name")): event.payload for event in events if event.type == "artifact"}
    return [payload for name, payload in told.items() if Path(name).name == name]


def artifact_path(run: Run, name: str) -> Path:
    """Return where a file of the run lies."""
    return settings.runs_folder() / Path(run.id).name / Path(name).name


def artifact_label(artifact: dict[str, Any], titles: Mapping[str, str] | None = None) -> str:
    """Return what a model file is called on its button.

    Args:
        titles: names of roles that are not the usual ones.
    """
    label = _("{role}, seed {seed} ({size})")
    size = format_bytes(artifact.get("size_bytes") or 0)
    return label.format(role=role_title(str(artifact.get("role")), titles), seed=artifact.get("seed"), size=size)


def _button(label: str, data: Any, file: str, kind: str, **looks: Any) -> None:
    st.download_button(label, data, file, kind, icon=":material/download:", on_click="ignore", **looks)
