"""The controls of the Distill page: from widgets to a request, the defaults of the page being those of the command line."""

from dataclasses import replace
from typing import Any

import streamlit as st

from compression.catalog import Entry
from compression.charts.numbers import format_count
from compression.data.load import train_images_knob
from compression.distillation import DISTILLATION
from compression.recipe import RECIPE, teacher_recipe
from compression.spec import DEFAULTS
from compression.texts import gettext as _
from ui.address.settings import Address
from ui.distill import fair_fight
from ui.form import network_facts, network_source, shared
from ui.form.shared import Request
from ui.form.widgets import choose, flag, knob_widget

USUAL = DEFAULTS["distill"]
EARLIER_NAMES = {"images": "dataset_train_images"} | {knob: f"train_{knob}" for knob in RECIPE.knobs}


def draw(address: Address) -> Request:
    """Draw all controls but the switch of `fair_fight`, and return what they ask for; what one feels comes first."""
    with st.container(border=True, gap="small"):
        st.markdown(_("**Distillation**"))
        loss = _loss(address)
        layers = st.container()
    with st.container(border=True, gap="small"):
        st.markdown(_("**Networks and data**"))
        data, teacher, student, facts = _networks(address)
        sees = st.container()
    with st.container(border=True, gap="small"):
        st.markdown(_("**Training**"))
        training, dataset, device = _training(address, data)
    with sees:
        transfer = {"images": _transfer_images(address, data, dataset["train_images"])}
    with facts:
        _teacher_facts(dataset, teacher)
    with layers:
        shared.layers_seen(address, loss, student, network_source.architecture_of(teacher), data.name)
    raw = {"kind": "distill", "dataset": dataset, "transfer": transfer, "teacher": teacher, "student": student, "loss": loss}
    return Request({**raw, **training}, device)


def _networks(address: Address) -> tuple[Entry, dict[str, Any], dict[str, Any], Any]:
    """Draw the choice of data, teacher and student; return also the place for what is known of the teacher."""
    left, right = st.columns([4, 3], gap="small")
    with left:
        data = shared.dataset(address, USUAL["dataset"])
    with right:
        source = network_source.source(address, "teacher", _("Teacher from"))
    shared.download_note(data)
    teacher = network_source.choose_network(address, data, "teacher", _("Teacher"), USUAL["teacher"], source=source)
    facts = st.container()
    student = shared.network(address, "student", _("Student"), USUAL["student"])
    network_facts.show(student, data.name, against=network_source.architecture_of(teacher))
    return data, teacher, student, facts


def _teacher_facts(dataset: dict[str, Any], teacher: dict[str, Any]) -> None:
    """Draw the teacher's numbers, and whether it is trained already."""
    if (architecture := network_source.architecture_of(teacher)) is not None:
        note = shared.standing(dataset, teacher, teacher_recipe(dataset, None), 0)
        network_facts.show(architecture, dataset["name"], note=note)


def _transfer_images(address: Address, data: Entry, teachers: int | None) -> int | None:
    """Draw how many images student and baseline learn from, at most the teacher's; the usual number belongs to the dataset."""
    knob, name = train_images_knob(data), "transfer.images"
    most = teachers or int(knob.high or 0)
    help_text = _("How many of the teacher's training images student and baseline learn from; empty means all")
    usual, held = min(data.traits["transfer_images"], most), address.key(name)
    before = st.session_state.get(f"{held}-usual", (data.name, usual))
    if before[0] != data.name or st.session_state.get(held) == before[1]:
        st.session_state[held] = usual
    st.session_state[f"{held}-usual"] = (data.name, usual)
    number, everything = st.columns([3, 1], gap="small", vertical_alignment="bottom")
    with number:
        label = _("Student sees, of {count} images").format(count=format_count(most))
        images = shared.image_count(address, name, label, replace(knob, high=most, help=help_text), usual=usual)
    with everything:
        st.button(_("All"), disabled=images is None, width="stretch", on_click=st.session_state.update, args=({held: None},))
    return images


def _loss(address: Address) -> dict[str, Any]:
    entry = choose(address, DISTILLATION, "loss", default=USUAL["loss"]["name"], label=_("Loss"))
    return shared.distillation_loss(address, entry, "loss")


def _training(address: Address, data: Entry) -> tuple[dict[str, Any], dict[str, Any], str]:
    """Draw how everything is trained; return the fields of the spec, the dataset and the device."""
    left, right = st.columns(2, gap="small", vertical_alignment="bottom")
    with left:
        train = {"epochs": knob_widget(address, RECIPE.knobs["epochs"], "train.epochs", default=USUAL["train"]["epochs"])}
    with right:
        seeds = shared.seeds(address, USUAL["seeds"])
    with st.expander(_("More settings")):
        help_text = _("The same student, same budget and seeds, without the teacher: what distillation is compared with")
        baseline = flag(address, "baseline", default=True, label=_("Train a baseline too"), help=help_text)
        tolerance = shared.tolerance(address, _("As good as the teacher means: within"), USUAL["tolerance"])
        device, images = shared.device(address), shared.training_images(address, data)
        tune = {"lr": fair_fight.rates(address)} if fair_fight.is_on(address) else None
        for name, knob in RECIPE.knobs.items():
            if name != "epochs" and not (tune and name == "lr"):
                train[name] = knob_widget(address, knob, f"train.{name}", default=USUAL["train"].get(name))
    fields = {"train": train, "baseline": baseline, "tune": tune, "seeds": seeds, "tolerance": tolerance}
    return fields, {"name": data.name, "train_images": images}, device
