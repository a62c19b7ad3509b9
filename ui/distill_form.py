"""The controls of the Distill page: from widgets to a request, the defaults of the page being those of the command line."""

import re
from dataclasses import dataclass, replace
from typing import Any

import streamlit as st

from compression import networks, settings
from compression.catalog import Entry, Knob
from compression.data import DATASETS
from compression.data.load import train_images_knob
from compression.distillation import DISTILLATION
from compression.models import MODELS
from compression.recipe import RECIPE
from compression.spec import DEFAULTS
from compression.stages import teacher_recipe
from compression.texts import gettext as _
from compression.texts import mark
from ui import model_facts, status
from ui.address import Address
from ui.forms import choose, entry_form, flag, knob_widget, select

USUAL = DEFAULTS["distill"]
MOST_SEEDS_OFFERED = 10
SEEDS = Knob(
    mark("How often everything is trained anew; more seeds tell luck from skill"),
    low=1,
    high=MOST_SEEDS_OFFERED,
    step=1,
    name="seeds",
    kind="int",
    default=len(USUAL["seeds"]),
)
SYMBOLS = {"alpha": r"\\alpha", "temperature": r"(?<![A-Za-z\\])T(?![A-Za-z])"}


@dataclass(frozen=True)
class Request:
    """What the controls ask for: a spec as a person would write it, and where to run it."""

    raw: dict[str, Any]
    device: str


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
    data = choose(address, DATASETS, "dataset", default=USUAL["dataset"]["name"], label=_("Dataset"))
    megabytes = data.traits["megabytes"]
    if megabytes:
        st.caption(_("Downloaded once, {size} MB, unless it already lies on this machine.").format(size=megabytes))
    dataset = {"name": data.name}
    teacher = _network(address, "teacher", _("Teacher"))
    ready = _("ready") if _kept(dataset, teacher) else _("trained first, once")
    model_facts.show(teacher, data.name, note=ready)
    student = _network(address, "student", _("Student"))
    model_facts.show(student, data.name, against=teacher)
    return dataset, teacher, student


def _network(address: Address, role: str, label: str) -> dict[str, Any]:
    usual = USUAL[role]
    family, knobs = st.columns(2, gap="small", vertical_alignment="bottom")
    with family:
        entry = choose(address, MODELS, role, default=usual["name"], label=label)
    with knobs:
        return entry_form(address, entry, role, defaults=usual if entry.name == usual["name"] else None)


def _kept(dataset: dict[str, Any], teacher: dict[str, Any]) -> bool:
    choice = {"name": dataset["name"], "train_images": None, "split_seed": 0}
    key = networks.cache_key(choice, teacher, teacher_recipe(choice, None), 0)
    workspace = networks.Workspace(settings.home(), settings.models_folder(), settings.runs_folder())
    return networks.find_kept(key, workspace) is not None


def _loss(address: Address) -> dict[str, Any]:
    entry = choose(address, DISTILLATION, "loss", default=USUAL["loss"]["name"], label=_("Loss"))
    st.caption(_(entry.caption))
    loss = entry_form(address, entry, "loss")
    if "formula" in entry.traits:
        st.latex(with_numbers(entry, loss))
    return loss


def with_numbers(entry: Entry, knobs: dict[str, Any]) -> str:
    """Return a loss's formula, a term a line, with the present values of its knobs in place of their letters."""
    formula = entry.traits["formula"].replace(r"\alpha T", r"\alpha \cdot T")
    for name, pattern in SYMBOLS.items():
        if name in knobs:
            formula = re.sub(pattern, f"{{{knobs[name]:g}}}", formula)
    terms = formula.replace(" + ", r" \\ &+ ")
    return rf"\begin{{aligned}}&{terms}\end{{aligned}}"


def _training(address: Address, data: Entry) -> tuple[dict[str, Any], dict[str, Any]]:
    left, right = st.columns(2, gap="small", vertical_alignment="bottom")
    with left:
        epochs = knob_widget(address, RECIPE.knobs["epochs"], "epochs")
    with right:
        seeds = knob_widget(address, SEEDS, "seeds")
    help_text = _("The same student, same budget and seeds, without the teacher: what distillation is compared with")
    baseline = flag(address, "baseline", default=True, label=_("Train a baseline too"), help=help_text)
    with st.expander(_("More settings")):
        device = _device(address)
        every = train_images_knob(data)
        images = knob_widget(address, replace(every, default=every.high), "images", label=_("Training images"))
        others = {name: knob_widget(address, knob, name) for name, knob in RECIPE.knobs.items() if name != "epochs"}
    more = {
        "baseline": baseline,
        "seeds": list(range(seeds)),
        "train_images": None if images == every.high else images,
        "device": device,
    }
    return {"epochs": epochs, **others}, more


def _device(address: Address) -> str:
    names = {"auto": _("Automatic: {device}").format(device=status.device_name()), "cpu": _("CPU")}
    if status.gpu_name():
        names["cuda"] = _("GPU")
    return select(address, "device", [*names], default="auto", label=_("Device"), show=names.__getitem__)
