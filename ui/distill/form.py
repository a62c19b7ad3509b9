"""The controls of the Distill page: from widgets to a request, the defaults of the page being those of the command line."""

from typing import Any

import streamlit as st

from compression.catalog import Entry
from compression.data import DATASETS
from compression.distillation import DISTILLATION
from compression.recipe import RECIPE, teacher_recipe
from compression.spec import DEFAULTS
from compression.texts import gettext as _
from ui.address.settings import Address
from ui.form import network_facts, network_source, shared
from ui.form.shared import Request
from ui.form.widgets import choose, flag, knob_widget

USUAL = DEFAULTS["distill"]
EARLIER_NAMES = {"images": "dataset_train_images"} | {knob: f"train_{knob}" for knob in RECIPE.knobs}


def draw(address: Address) -> Request:
    """Draw all controls and return what they ask for."""
    with st.container(border=True, gap="small"):
        st.markdown(_("**Networks and data**"))
        dataset, teacher, student = _networks(address)
    with st.container(border=True, gap="small"):
        st.markdown(_("**Distillation**"))
        loss = _loss(address)
    with st.container(border=True, gap="small"):
        st.markdown(_("**Training**"))
        train, more = _training(address, DATASETS[dataset["name"]])
    dataset["train_images"] = more.pop("train_images")
    device = more.pop("device")
    raw = {"kind": "distill", "dataset": dataset, "teacher": teacher, "student": student, "loss": loss, "train": train, **more}
    return Request(raw, device)


def _networks(address: Address) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    left, right = st.columns([4, 3], gap="small")
    with left:
        data = shared.dataset(address, USUAL["dataset"])
    with right:
        source = network_source.source(address, "teacher", _("Teacher from"))
    shared.download_note(data)
    dataset = {"name": data.name}
    teacher = network_source.choose_network(address, data, "teacher", _("Teacher"), USUAL["teacher"], source=source)
    architecture = network_source.architecture_of(teacher)
    ready = _("ready") if "run" in teacher or _kept(dataset, teacher) else _("trained first, once")
    if architecture is not None:
        network_facts.show(architecture, data.name, note=ready)
    student = shared.network(address, "student", _("Student"), USUAL["student"])
    network_facts.show(student, data.name, against=architecture)
    return dataset, teacher, student


def _kept(dataset: dict[str, Any], teacher: dict[str, Any]) -> bool:
    choice = {"name": dataset["name"], "train_images": None, "split_seed": 0}
    return shared.is_kept(choice, teacher, teacher_recipe(choice, None), 0)


def _loss(address: Address) -> dict[str, Any]:
    entry = choose(address, DISTILLATION, "loss", default=USUAL["loss"]["name"], label=_("Loss"))
    return shared.distillation_loss(address, entry, "loss")


def _training(address: Address, data: Entry) -> tuple[dict[str, Any], dict[str, Any]]:
    left, right = st.columns(2, gap="small", vertical_alignment="bottom")
    with left:
        epochs = knob_widget(address, RECIPE.knobs["epochs"], "train.epochs", default=USUAL["train"]["epochs"])
    with right:
        seeds = shared.seeds(address, USUAL["seeds"])
    help_text = _("The same student, same budget and seeds, without the teacher: what distillation is compared with")
    baseline = flag(address, "baseline", default=True, label=_("Train a baseline too"), help=help_text)
    with st.expander(_("More settings")):
        device = shared.device(address)
        images = shared.training_images(address, data)
        others = {
            name: knob_widget(address, knob, f"train.{name}", default=USUAL["train"].get(name))
            for name, knob in RECIPE.knobs.items()
            if name != "epochs"
        }
    more = {
        "baseline": baseline,
        "seeds": seeds,
        "train_images": images,
        "device": device,
    }
    return {"epochs": epochs, **others}, more
