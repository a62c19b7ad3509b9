"""Whose answers the page Temperature shows: the networks of a finished distillation, or those that come with the lab."""

import contextlib

import streamlit as st

from compression.errors import NotFoundError
from compression.runs import store
from compression.runs.frames import models_of
from compression.runs.records import FINISHED, Run
from compression.texts import gettext as _
from ui.address.settings import RUN, Address, plain
from ui.form.widgets import select
from ui.run import answers, example
from ui.run.answers import Subject
from ui.run.words import age_text, network, settings_text

EXAMPLE = "example"
MOST_RUNS_OFFERED = 50


def choose(address: Address) -> Subject:
    """Draw the choice of a run and of a seed, and return its networks.

    Raises:
        LabError: a file is gone.
    """
    wanted, notes = address.asks(RUN), len(address.notes)
    offered = _runs(wanted)
    left, right = st.columns([5, 1], gap="small")
    with left:
        show = {run.id: _title(run) for run in offered.values()} | {EXAMPLE: _title(None)}
        chosen = select(address, RUN, [*show], default=EXAMPLE, label=_("Networks of"), show=show.__getitem__)
    if wanted and len(address.notes) > notes and _has_no_teacher(wanted):
        sentence = _("Run {run} has no teacher, so there are no answers of one to soften; those of the example are shown.")
        address.notes[notes:] = [sentence.format(run=plain(wanted))]
    if chosen == EXAMPLE:
        return answers.of_example()
    run = offered[chosen]
    seeds = [row["seed"] for row in models_of(run)["student"]["per_seed"]]
    with right:
        seed = select(address, "seed", seeds, default=seeds[0], label=_("Seed"))
    return answers.of_run(run, seed)


def _runs(wanted: str | None) -> dict[str, Run]:
    """Return the finished distillations that have a teacher and a student, the one that a link asks for among them."""
    newest = store().runs(kind="distill", states=[FINISHED], limit=MOST_RUNS_OFFERED)
    if wanted and wanted not in {EXAMPLE, *(run.id for run in newest)}:
        with contextlib.suppress(NotFoundError):  # the choice then says that it is none of those offered
            newest.append(store().run(wanted))
    return {run.id: run for run in newest if run.kind == "distill" and run.state == FINISHED and _has_both(run)}


def _has_no_teacher(wanted: str) -> bool:
    with contextlib.suppress(NotFoundError):
        run = store().run(wanted)
        return run.state == FINISHED and not models_of(run).get("teacher")
    return False


def _has_both(run: Run) -> bool:
    return all((models_of(run).get(role) or {}).get("per_seed") for role in ("teacher", "student"))


def _title(run: Run | None) -> str:
    spec = run.spec if run else example.run()["spec"]
    told = _("{student} taught by {teacher}").format(student=network(spec["student"]), teacher=network(spec["teacher"]))
    if run is None:
        return _("The example that comes with the lab: {told}").format(told=told)
    return " · ".join(filter(None, [run.title, told, settings_text(spec), age_text(run.created), run.id]))
