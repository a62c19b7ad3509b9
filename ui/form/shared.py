"""The controls that the Distill and the Compress page share: data, a network, a distillation loss, seeds, the device."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from compression import networks, runs, settings
from compression.catalog import Entry, Knob
from compression.charts.numbers import format_about, format_count
from compression.data import DATASETS
from compression.data.load import train_images_knob
from compression.errors import SpecError
from compression.features import Layout, stages_text
from compression.fields import TOLERANCE
from compression.given import is_given
from compression.models import MODELS, WEIGHTS
from compression.objective import Objective, build_objective, check_comparison
from compression.recipe import outcomes
from compression.texts import gettext as _
from compression.texts import mark, ngettext
from ui.address.settings import Address, refused
from ui.form import formula, own_images
from ui.form.network_facts import Structure
from ui.form.widgets import choose, entry_form, knob_widget, select, understand_number
from ui.frame import machine
from ui.run.verdicts import MOST_SEEDS_OFFERED, points
from ui.run.words import as_text

MINUTE_S, MOST_MINUTES = 60, 1_440
SEEDS = Knob(
    mark("How often everything is trained anew; more seeds tell luck from skill"),
    low=1,
    high=MOST_SEEDS_OFFERED,
    step=1,
    name="seeds",
    kind="int",
)
TOLERANCES = (0.0, 0.005, 0.01, 0.02, 0.03, 0.05)


@dataclass(frozen=True)
class Request:
    """What a page's controls ask for: a spec as a person would write it, where it runs, and after how long it is stopped."""

    raw: dict[str, Any]
    device: str
    time_limit_s: float | None = None


def dataset(address: Address, usual: Mapping[str, Any]) -> Entry:
    """Draw the choice of a dataset."""
    return own_images.choose_dataset(address, usual["name"])


def dataset_note(address: Address, data: Entry) -> None:
    """Draw what it takes to have a dataset, if it takes anything, and what is known of own images."""
    own_images.draw(address, data)
    if megabytes := data.traits["megabytes"]:
        st.caption(_("Downloaded once, {size} MB, unless it already lies on this machine.").format(size=megabytes))


def training_images(address: Address, data: Entry) -> int | None:
    """Draw how many images to train on; None, which an empty field says, means all."""
    knob = train_images_knob(data)
    return image_count(address, "dataset.train_images", _("Training images"), replace(knob, help=_(knob.help)), usual=None)


def image_count(address: Address, name: str, label: str, knob: Knob, *, usual: int | None) -> int | None:
    """Draw a number of images, and return it; None, which an empty field says, means all.

    Args:
        name: of the setting in the address.
        knob: its bounds; the highest is all.
        usual: where neither the address nor the field says anything.
    """

    def understand(text: str) -> int | None:
        if text in ("all", "none"):
            return None
        try:
            return knob.check(float(text), label)
        except (SpecError, ValueError):
            used = _("every image") if usual is None else format_count(usual)
            sentence = refused(label, text, knob.allowed(), used).args[0]
            raise ValueError(sentence, usual) from None

    given, held = address.read(name, usual, understand), address.key(name)
    if given is not None and not knob.contains(given):
        given = st.session_state[held] = usual
    low, high, step = int(knob.low or 0), int(knob.high or 0), int(knob.step or 1)
    if st.session_state.get(f"{held}-bounds") != (low, high, step):
        # With other bounds it is another widget to Streamlit, which would start empty.
        st.session_state[held], st.session_state[f"{held}-bounds"] = given, (low, high, step)
    looks = {"placeholder": _("All {count}").format(count=format_count(high)), "help": knob.help, "persist_state": "session"}
    images = st.number_input(label, low, high, None, step, key=held, **looks)
    address.keep(name, "all" if images is None else images)
    return images


def tolerance(address: Address, label: str, usual: float) -> float:
    """Draw how much accuracy may be lost for a claim to hold, 0 to 1, in points; another value of a link is offered too."""
    given = address.read("tolerance", usual, lambda text: understand_number(TOLERANCE, text, usual, label))
    looks = {"format_func": points, "help": _(TOLERANCE.help), "persist_state": "session"}
    chosen = st.selectbox(label, sorted({*TOLERANCES, given}), key=address.key("tolerance"), **looks)
    address.keep("tolerance", chosen)
    return chosen


def network(address: Address, role: str, label: str, usual: Mapping[str, Any]) -> dict[str, Any]:
    """Draw the choice of an architecture with its knobs beside it, and return it as a spec has it."""
    family, knobs = st.columns(2, gap="small")
    with family:
        entry = choose(address, MODELS, role, default=usual["name"], label=label)
    with knobs:
        return entry_form(address, entry, role, defaults=usual if entry.name == usual["name"] else None)


def is_kept(dataset_choice: dict[str, Any], architecture: dict[str, Any], recipe: dict[str, Any], seed: int) -> bool:
    """Tell whether a network is trained already, by an earlier run or because it comes with the lab, in a precision asked for."""
    workspace = networks.Workspace(settings.home(), settings.models_folder(), settings.runs_folder())
    keys = [networks.cache_key(dataset_choice, architecture, outcome, seed) for outcome in outcomes(recipe)]
    return any(networks.find_cached(key, workspace) is not None for key in keys)


def standing(dataset_choice: Mapping[str, Any], choice: Mapping[str, Any], recipe: dict[str, Any], seed: int) -> str:
    """Return whether a network that is wanted is trained already, in words.

    Args:
        dataset_choice: `name` and `train_images`.
        choice: an architecture, or a network of an earlier run.
        recipe: how it is trained, complete.
        seed: of it.
    """
    if "run" in choice:
        return _("of run {id}").format(id=choice["run"])
    if is_given(choice):
        return _("of the file, not trained here") if choice[WEIGHTS] else _("its file of weights is not there yet")
    kept = is_kept({**dataset_choice, "split_seed": 0}, dict(choice), recipe, seed)
    epochs = ngettext("{count} epoch", "{count} epochs", recipe["epochs"]).format(count=recipe["epochs"])
    return (_("trained already, {epochs}") if kept else _("trained first, once, {epochs}")).format(epochs=epochs)


def distillation_loss(address: Address, entry: Entry, prefix: str) -> dict[str, Any]:
    """Draw a loss's caption, its knobs and its formula with their numbers, and return it as a spec has it."""
    st.caption(_(entry.caption))
    own = {name: own_images.own_names(address) for name, knob in entry.knobs.items() if knob.registry is DATASETS}
    loss = entry_form(address, entry, prefix, more=own)
    if "formula" in entry.traits:
        st.latex(formula.of_one(entry, loss))
    return loss


@dataclass(frozen=True)
class Compared:
    """Two networks that losses shall compare.

    Attributes:
        teacher: its architecture and edits; None where they are not known.
        teacher_dataset: what it is trained on, where that is another dataset.
    """

    student: Mapping[str, Any]
    teacher: Structure | None
    dataset: str
    teacher_dataset: str | None = None

    def layers(self, objective: Objective) -> tuple[Layout, Layout] | None:
        """Return which layers of the two losses look at; None where the teacher is not known.

        Raises:
            SpecError: they have none to look at.
        """
        if self.teacher is None:
            return None
        built, edits = self.teacher
        student, there = dict(self.student), self.teacher_dataset
        return check_comparison(objective, student, dict(built), self.dataset, edits, teacher_dataset=there)


def layers_seen(address: Address, loss: dict[str, Any] | list[dict[str, Any]], networks: Compared) -> None:
    """Draw which layers of the two networks a loss, or a list of them, compares, if any; where it cannot, nothing can run."""
    objective = build_objective(loss)
    try:
        layers = networks.layers(objective)
        if layers and objective.looks_inside:
            st.caption(stages_text(*layers))
    except SpecError as error:
        st.error(as_text(str(error)), icon=":material/error:")
        address.block(str(error))


def seeds(address: Address, usual: list[int]) -> list[int]:
    """Draw how many seeds, and return them."""
    return list(range(knob_widget(address, replace(SEEDS, default=len(usual)), "seeds")))


def device(address: Address) -> str:
    """Draw where to compute."""
    names = {"auto": _("Automatic: {device}").format(device=machine.device_name()), "cpu": _("CPU")}
    if machine.gpu_name():
        names["cuda"] = _("GPU")
    return select(address, "device", [*names], default="auto", label=_("Device"), show=names.__getitem__)


def time_limit(address: Address) -> float | None:
    """Draw after how long a run is stopped; return the seconds, None for what holds by default. It is in no link and no spec."""
    most = runs.longest_s()
    usual = _("none") if most is None else format_about(most)
    help_text = _("A run that has worked for so long is stopped; it can be resumed. Links and results do not depend on it.")
    highest = MOST_MINUTES if most is None else max(1, int(most / MINUTE_S))
    looks = {"placeholder": _("By default: {time}").format(time=usual), "help": help_text, "persist_state": "session"}
    minutes = st.number_input(_("Time limit, minutes"), 1, highest, None, 1, key=address.key("time_limit"), **looks)
    return None if minutes is None else float(MINUTE_S * minutes)
