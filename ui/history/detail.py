"""One run: where it is or how it ended, its curves, its files, its settings and its log."""

import json
from collections.abc import Sequence
from typing import Any

import pandas as pd
import streamlit as st

from compression.charts.curves import TITLES, describe_learning_curves
from compression.roles import roles_in_order
from compression.runs import store
from compression.runs.records import Event, Run
from compression.texts import gettext as _
from compression.texts import timestamp
from ui.run import result_cards
from ui.run.downloads import artifact_path, curves_button, network_buttons, spec_button
from ui.run.feed import Watch
from ui.run.live import say_why_it_waits
from ui.run.words import (
    STATES,
    age_text,
    as_text,
    command_line,
    dataset,
    expected_roles,
    kind_title,
    owner_text,
    progress_text,
    titles,
    what,
)
from ui.widgets.live_chart import live_chart

TYPES_SHOWN = ("artifact", "stage", "finished", "failed", "cancelled")
METRICS = ("val_accuracy", "loss")
CHART_HEIGHT = 300
LOG_CHARACTERS = 20_000
LOG_HEIGHT = 320


def heading(run: Run, viewer: str) -> None:
    """Draw what the run is: its networks, its state, where it computes, whose it is."""
    state = STATES[run.state]
    with st.container(horizontal=True, vertical_alignment="center", gap="small"):
        st.subheader(as_text(what(run)), anchor=False, width="content")
        st.badge(_(state.title), icon=state.icon, color=state.colour)
    on_dataset = _("{kind} on {dataset}").format(kind=kind_title(run.kind), dataset=dataset(run) or "–")
    facts = [on_dataset, run.device, owner_text(run.owner, viewer), age_text(run.created), _("run {id}").format(id=run.id)]
    st.caption(as_text(" · ".join(facts)))


def standing(run: Run) -> None:
    """Draw how far an active run is, or why one ended without a result."""
    if run.active:
        st.progress(run.fraction, text=as_text(progress_text(run)))
        say_why_it_waits(run)
    elif run.state == "failed":
        st.error(as_text(run.error or _("It gave no reason.")), icon=":material/error:")
    elif run.state == "interrupted":
        st.warning(as_text(run.error or _("It stopped on the way; resume it to go on.")), icon=":material/pause_circle:")


def result(run: Run) -> None:
    """Draw what a finished run found; a result that makes no sense is told in one sentence."""
    if run.result is None:
        return
    try:
        result_cards.show_verdict(run)
        result_cards.show_roles(run)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        st.warning(_("The result of this run cannot be read; run it again to get it anew."), icon=":material/error:")


def curves(seen: Watch) -> None:
    """Draw the accuracy and the loss of a run over epochs."""
    run = seen.run
    if seen.frame.empty:
        if run.active:
            st.caption(_("Its curves start here as soon as it trains."))
        return
    roles = roles_in_order([*seen.frame["role"], *expected_roles(run.kind, run.spec)])
    for column, metric in zip(st.columns(len(METRICS)), METRICS, strict=True):
        figure = seen.figure(("runs", metric), lambda frame, metric=metric: _figure(run, frame, metric, roles))
        with column:
            live_chart(figure, key=f"run-{metric}-{run.id}", label=_(TITLES[metric]), height=CHART_HEIGHT)


def _figure(run: Run, frame: pd.DataFrame, metric: str, roles: Sequence[str]) -> dict[str, Any]:
    train = run.spec.get("train")
    epochs = train.get("epochs") if run.kind == "distill" and isinstance(train, dict) else None
    return describe_learning_curves(
        frame, metric, roles=roles, titles=titles(run.spec), epochs=epochs, height=CHART_HEIGHT, revision=run.id
    )


def records(seen: Watch) -> None:
    """Draw what can be taken away or read: files, settings as JSON and as a command, the log."""
    run, events = seen.run, store().events(seen.run.id, types=TYPES_SHOWN)
    files, spec, log = st.tabs([_("Files"), _("Settings"), _("Log")])
    with files:
        _files(run, events, seen)
    with spec:
        st.caption(_("The same run on the command line:"))
        st.code(command_line(run.spec), language="bash", wrap_lines=True)
        st.code(json.dumps(run.spec, indent=2), language="json", height=LOG_HEIGHT)
    with log:
        st.code(log_text(run, events), language=None, height=LOG_HEIGHT, wrap_lines=True)


def _files(run: Run, events: Sequence[Event], seen: Watch) -> None:
    with st.container(horizontal=True):
        spec_button(run)
        if not seen.frame.empty:
            curves_button(seen)
    network_buttons(run, events)


def log_text(run: Run, events: Sequence[Event]) -> str:
    """Return the stages of the run with their times, and the end of what its worker wrote."""
    stages = [event for event in events if event.type in ("stage", "finished", "failed", "cancelled")]
    lines = [f"{timestamp(event.time)}  {_line(event)}" for event in stages]
    try:
        written = artifact_path(run, "log.txt").read_bytes()[-LOG_CHARACTERS:].decode("utf-8", errors="replace").strip()
    except OSError:
        written = ""
    return "\n".join([*lines, *(["", written] if written else [])]) or _("This run has not written anything yet.")


def _line(event: Event) -> str:
    if event.type == "stage":
        return str(event.payload.get("text") or event.payload.get("stage") or "")
    return str(event.payload.get("error") or _(STATES[event.type].title))
