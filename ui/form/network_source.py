"""Where a network comes from: made anew as the zoo describes it, taken from an earlier run, or of a file of weights."""

from collections.abc import Collection, Mapping
from typing import Any, NamedTuple

import streamlit as st

from compression import estimate, settings
from compression.catalog import Entry
from compression.charts.numbers import format_percent
from compression.data.own.stored import called
from compression.errors import LabError, NotFoundError
from compression.fields import SEED
from compression.models import WEIGHTS, architecture_of
from compression.networks import Workspace
from compression.roles import role_title
from compression.runs import store
from compression.runs.frames import models_of
from compression.runs.records import FINISHED, Run
from compression.texts import gettext as _
from ui.address.settings import Address, plain
from ui.form import weights_source
from ui.form.network_facts import Structure
from ui.form.shared import network
from ui.form.widgets import select, understand_number
from ui.run.words import age_text, titles
from ui.run.words import network as network_title

ZOO, RUN, FILE = "zoo", "run", "file"
MOST_RUNS_OFFERED = 50


class Made(NamedTuple):
    """One network that a finished run made, in one or several seeds."""

    run: Run
    role: str
    model: Mapping[str, Any]

    @property
    def title(self) -> str:
        """Return what it is, how good, how old and of which run; no two are the same, which a choice in a browser needs."""
        told = [role_title(self.role, titles(self.run.spec)), network_title(self.model["architecture"]), self._accuracy]
        return " · ".join([*filter(None, [self.run.title]), *told, age_text(self.run.created), self.run.id])

    @property
    def _accuracy(self) -> str:
        """Return how good it is on the images that one chooses by; a run of an earlier version knows only the test images."""
        if (accuracy := self.model.get("validation_accuracy")) is not None:
            return _("{accuracy} on validation").format(accuracy=format_percent(accuracy))
        return _("{accuracy} on test").format(accuracy=format_percent(self.model["accuracy"]))


def source(address: Address, role: str, label: str, *, unused: Collection[str] = ()) -> str:
    """Draw where the network of a role in the spec comes from.

    Args:
        unused: fields of the spec, such as `teacher.run`, that the scheme has no use for.
    """
    words = {ZOO: _("The zoo"), RUN: _("An earlier run"), FILE: _("Own weights…")}
    refused = {RUN: f"{role}.run", FILE: f"{role}.{WEIGHTS}"}
    words = {name: word for name, word in words.items() if refused.get(name) not in unused}
    if len(words) == 1:
        return ZOO
    default = RUN if _asked(address, role) and RUN in words else FILE if address.asks(refused[FILE]) else ZOO
    return select(address, f"{role}.from", [*words], default=default, label=label, show=words.__getitem__)


def choose_network(
    address: Address, data: Entry, role: str, label: str, usual: Mapping[str, Any], *, source: str
) -> dict[str, Any]:
    """Draw which network it is, and return it as a spec has it.

    A network of an earlier run stays chosen whatever becomes of it: if it cannot be used, that is said and nothing can run.
    """
    if source == FILE:
        return weights_source.choose(address, data, role, label, usual)
    return _choose_made(address, data, role, label) if source == RUN else network(address, role, label, usual)


def structure_of(choice: Mapping[str, Any]) -> Structure | None:
    """Return the architecture of a chosen network and the edits on it, also where a run made it; None if there is none such.

    What a run made whose file is gone is told as if it had no edits.
    """
    if "run" not in choice:
        return architecture_of(choice), []
    made = _find(f"{choice['run']}.{choice['role']}")
    if made is None:
        return None
    try:
        return estimate.structure_of(dict(choice), Workspace(settings.home(), settings.models_folder(), settings.runs_folder()))
    except LabError:
        return made.model["architecture"], []


def _asked(address: Address, role: str) -> str | None:
    """Return which network the address names, as `run.role`."""
    run, made_as = address.asks(f"{role}.run"), address.asks(f"{role}.role")
    return f"{run}.{made_as or 'student'}" if run else address.asks(f"{role}.made")


def _networks_made(dataset: str) -> dict[str, Made]:
    """Return the networks that the newest finished runs on a dataset made, by run and role."""
    newest = store().runs(states=[FINISHED], limit=MOST_RUNS_OFFERED)
    return {f"{run.id}.{role}": made for run in newest if _learned(run) == dataset for role, made in _made_by(run).items()}


def _made_by(run: Run) -> dict[str, Made]:
    usable = {role: model for role, model in models_of(run).items() if model.get("per_seed") and model.get("architecture")}
    return {role: Made(run, role, model) for role, model in usable.items()}


def _find(name: str) -> Made | None:
    run, _dot, role = name.partition(".")
    try:
        return _made_by(store().run(run)).get(role)
    except NotFoundError:
        return None


def _learned(run: Run) -> str:
    return str(run.spec.get("dataset", {}).get("name"))


def _choose_made(address: Address, data: Entry, role: str, label: str) -> dict[str, Any]:
    """Draw the choice among the networks of earlier runs and their seeds."""
    made, key = _networks_made(data.name), address.key(f"{role}.made")
    if asked := _asked(address, role):
        st.session_state[key] = asked
    chosen = st.session_state[key] = st.session_state.get(key) or next(iter(made), None)
    if chosen and chosen not in made and (found := _find(chosen)) is not None:
        made[chosen] = found
    left, right = st.columns([3, 1], gap="small", vertical_alignment="bottom")
    with left:
        names = list(dict.fromkeys([*made, *([chosen] if chosen else [])]))
        looks = {"on_change": st.session_state.pop, "args": (address.key(f"{role}.seed"), None), "persist_state": "session"}
        chosen = st.selectbox(label, names, key=key, format_func=lambda name: _title(made, name), **looks) or ""
    run, _dot, made_as = chosen.partition(".")
    with right:
        seed, trained = _choose_seed(address, role, made.get(chosen))
    if problem := _problem(data, made.get(chosen), chosen, seed if trained else None):
        st.error(problem, icon=":material/link_off:")
        address.block(problem)
    address.keep(f"{role}.run", run)
    address.keep(f"{role}.role", made_as)
    return {"run": run, "role": made_as, "seed": seed}


def _choose_seed(address: Address, role: str, made: Made | None) -> tuple[int, bool]:
    """Draw the choice of a seed; one that was asked for stays among the choices. Return it, and whether there is such."""
    seeds = [row["seed"] for row in made.model["per_seed"]] if made else []
    name = f"{role}.seed"
    asked = address.read(name, (seeds or [0])[0], lambda text: understand_number(SEED, text, (seeds or [0])[0], _("Seed")))
    options = seeds if asked in seeds else [*seeds, asked]
    return select(address, name, options, default=asked, label=_("Seed")), asked in seeds


def _title(made: Mapping[str, Made], name: str) -> str:
    run, _dot, role = name.partition(".")
    return made[name].title if name in made else _("{role} of run {run}, not there").format(role=role_title(role), run=run)


def _problem(data: Entry, made: Made | None, name: str, seed: int | None) -> str:
    """Return why a network cannot be used on a dataset; nothing where it can."""
    if not name:
        return _("No run on {data} has finished yet, so there is no network to choose.").format(data=_(data.title))
    run, _dot, role = (plain(part) for part in name.partition("."))
    if made is None:
        return _("There is no {role} of a finished run {run}; it may have been deleted.").format(role=role, run=run)
    if _learned(made.run) != data.name:
        sentence = _("The {role} of run {run} learned {other}, not {data}; choose another network, or its dataset.")
        return sentence.format(role=role, run=run, other=plain(called(_learned(made.run))), data=plain(called(data.name)))
    return "" if seed is not None else _("The {role} of run {run} was not trained with this seed.").format(role=role, run=run)
