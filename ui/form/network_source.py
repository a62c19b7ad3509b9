"""Where a network comes from: made anew as the zoo describes it, or taken from an earlier run."""

from collections.abc import Mapping
from typing import Any, NamedTuple

import streamlit as st

from compression.catalog import Entry
from compression.charts.numbers import format_percent
from compression.charts.style import role_title
from compression.runs import store
from compression.runs.frames import models_of
from compression.runs.records import FINISHED, Run
from compression.texts import gettext as _
from ui.address.settings import Address
from ui.form.shared import network
from ui.form.widgets import select
from ui.run.words import age_text
from ui.run.words import network as network_title

ZOO, RUN = "zoo", "run"
MOST_RUNS_OFFERED = 50


class Made(NamedTuple):
    """One network that a finished run made, in one or several seeds."""

    run: Run
    role: str
    model: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Return what it is, how good and how old."""
        told = [role_title(self.role), network_title(self.model["architecture"]), format_percent(self.model["accuracy"])]
        return " · ".join([*([self.run.title] if self.run.title else []), *told, age_text(self.run.created)])


def source(address: Address, label: str, prefix: str = "") -> str:
    """Draw where a network comes from; `prefix` is put before its settings' names in the address."""
    words = {ZOO: _("The zoo"), RUN: _("An earlier run")}
    return select(address, f"{prefix}from", [*words], default=ZOO, label=label, show=words.__getitem__)


def choose_network(
    address: Address, data: Entry, role: str, label: str, usual: Mapping[str, Any], *, source: str, prefix: str = ""
) -> dict[str, Any]:
    """Draw which network it is, and return it as a spec has it; the zoo steps in where no run on this data has finished."""
    if source == RUN:
        if made := _networks_made(data.name):
            return _choose_made(address, made, label, prefix)
        st.caption(_("No run on {data} has finished yet, so this network comes from the zoo.").format(data=_(data.title)))
    return network(address, role, label, usual)


def architecture_of(choice: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the architecture of a chosen network, also where a run made it."""
    return models_of(store().run(choice["run"]))[choice["role"]]["architecture"] if "run" in choice else choice


def _networks_made(dataset: str) -> dict[str, Made]:
    """Return the networks of finished runs on a dataset by what the address calls them: run and role."""
    return {
        f"{run.id}.{role}": Made(run, role, model)
        for run in store().runs(states=[FINISHED], limit=MOST_RUNS_OFFERED)
        if run.spec.get("dataset", {}).get("name") == dataset
        for role, model in models_of(run).items()
        if model.get("per_seed") and model.get("architecture")
    }


def _choose_made(address: Address, made: Mapping[str, Made], label: str, prefix: str) -> dict[str, Any]:
    """Draw the choice among the networks of earlier runs and their seeds."""
    left, right = st.columns([3, 1], gap="small", vertical_alignment="bottom")
    with left:
        first = next(iter(made))
        name = select(address, f"{prefix}made", [*made], default=first, label=label, show=lambda name: made[name].title)
    chosen = made[name]
    with right:
        seeds = [row["seed"] for row in chosen.model["per_seed"]]
        seed = select(address, f"{prefix}seed", seeds, default=seeds[0], label=_("Seed"))
    return {"run": chosen.run.id, "role": chosen.role, "seed": seed}
