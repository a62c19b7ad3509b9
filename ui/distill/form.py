"""The controls of the Distill page: from widgets to a request, the defaults of the page being those of the command line."""

from typing import Any

import streamlit as st

from compression.catalog import Entry
from compression.fields import unused_fields
from compression.recipe import RECIPE
from compression.recipe import teacher_recipe as recipe_of_teacher
from compression.reuse import student_edits
from compression.roles import role_title
from compression.schemes import role_titles
from compression.spec import DEFAULTS
from compression.texts import gettext as _
from ui.address.settings import Address
from ui.distill import fair_fight, losses, scheme, teacher_recipe, temperature, transfer_set
from ui.form import network_facts, network_source, shared
from ui.form.shared import Request
from ui.form.widgets import flag, knob_widget
from ui.run.words import has_teacher

USUAL = DEFAULTS["distill"]
EARLIER_NAMES = {"images": "dataset_train_images", "loss_0": "loss"} | {knob: f"train_{knob}" for knob in RECIPE.knobs}


def draw(address: Address) -> Request:
    """Draw all controls but the switch of `fair_fight`, and return what they ask for; what one feels comes first."""
    with st.container(border=True, gap="small"):
        st.markdown(_("**Distillation**"))
        arranged = scheme.draw(address)
        unused = unused_fields(arranged)
        offered = losses.offered_with(arranged)
        taught = {} if "loss" in unused else losses.draw(address, offered)
        layers = st.container(gap="small")
    idle = not has_teacher({"scheme": arranged, **taught})
    with st.container(border=True, gap="small"):
        st.markdown(_("**Networks and data**"))
        data, teacher, student, facts = _networks(address, arranged, idle=idle)
        scheme.networks_trained(arranged, taught.get("loss"), teacher, student, data.name)
        there = scheme.teachers_data(arranged, data)
        sees = st.container()
    with st.container(border=True, gap="small"):
        st.markdown(_("**Training**"))
        training, dataset, terms = _training(address, data)
        if teacher is not None and "teacher_train" not in unused and "name" in teacher:
            training["teacher_train"] = teacher_recipe.draw(address, there)
        classes = training.pop("classes")
    with sees:
        transfer = {"images": transfer_set.images(address, data, dataset["train_images"], arranged), "classes": classes}
    if teacher is not None:
        with facts:
            learned = dataset if there is data else {"name": there.name, "train_images": None}
            _teacher_facts(learned, teacher, training, along="teacher_train" in unused, idle=idle)
    with layers:
        if taught:
            networks = shared.Compared(student, network_source.structure_of(teacher), data.name, there.name)
            shared.layers_seen(address, taught["loss"], networks)
            with st.container(horizontal=True, gap="small"):
                losses.offer_another(address, taught["loss"], offered, networks)
                temperature.offer(address, taught["loss"])
    raw = {"kind": "distill", "dataset": dataset, "transfer": transfer, "student": student}
    raw |= {"teacher": teacher} if teacher is not None else {}
    return Request({**raw, "scheme": arranged, **taught, **training}, **terms)


def _networks(
    address: Address, arranged: dict[str, Any], *, idle: bool
) -> tuple[Entry, dict[str, Any] | None, dict[str, Any], Any]:
    """Draw the choice of data, teacher, None where there is none, and student; return also the place for the teacher's facts."""
    unused = unused_fields(arranged)
    if "teacher" in unused:
        data = shared.dataset(address, USUAL["dataset"])
        shared.dataset_note(address, data)
        student = shared.network(address, "student", _("Student"), USUAL["student"])
        network_facts.show((student, []), data.name)
        return data, None, student, st.container()
    named = {"teacher.run", "teacher.weights"} <= unused.keys()
    left, right = (None, None) if named or idle else st.columns([4, 3], gap="small")
    with left or st.container():
        data = shared.dataset(address, USUAL["dataset"])
    shown = st.container(gap="small")
    teaching = st.expander(_("Teacher: not used by this loss")) if idle else st.container(gap="small")
    with right or teaching:
        source = network_source.source(address, "teacher", _("Teacher from"), unused=unused)
    with shown:
        shared.dataset_note(address, data)
    label = role_title("teacher", role_titles(arranged) if "teacher_train" in unused else None)
    there = scheme.teachers_data(arranged, data)
    with teaching:
        teacher = network_source.choose_network(address, there, "teacher", label, USUAL["teacher"], source=source)
        facts = st.container()
    student = shared.network(address, "student", _("Student"), USUAL["student"])
    against = network_source.structure_of(teacher) if there is data else None
    network_facts.show((student, _edits(arranged, student, against, data.name)), data.name, against=against)
    return data, teacher, student, facts


def _edits(
    arranged: dict[str, Any], student: dict[str, Any], teacher: network_facts.Structure | None, dataset: str
) -> list[dict[str, Any]]:
    """Return how the scheme's student differs from its architecture; nothing where the teacher is not known."""
    return student_edits(arranged, student, dataset, dict(teacher[0]), teacher[1]) if teacher is not None else []


def _teacher_facts(
    dataset: dict[str, Any], teacher: dict[str, Any], training: dict[str, Any], *, along: bool, idle: bool
) -> None:
    """Draw the teacher's numbers, and when it is trained, that it is already, or that it never is."""
    if (structure := network_source.structure_of(teacher)) is not None:
        recipe = recipe_of_teacher(dataset, training.get("teacher_train"), training["train"])
        standing = _("trained anew with each student")
        note = standing if along else shared.standing(dataset, teacher, recipe, 0)
        note = _("not trained: the student has no teacher with this loss") if idle else note
        network_facts.show(structure, dataset["name"], note=note)


def _training(address: Address, data: Entry) -> tuple[dict[str, Any], dict[str, Any], dict[str, Any]]:
    """Draw how everything is trained; return the fields of the spec, the dataset, and where and how long it may run."""
    left, right = st.columns(2, gap="small", vertical_alignment="bottom")
    with left:
        train = {"epochs": knob_widget(address, RECIPE.knobs["epochs"], "train.epochs", default=USUAL["train"]["epochs"])}
    with right:
        seeds = shared.seeds(address, USUAL["seeds"])
    with st.expander(_("More settings")):
        help_text = _("The same student, same budget and seeds, without the teacher: what distillation is compared with")
        baseline = flag(address, "baseline", default=True, label=_("Train a baseline too"), help=help_text)
        tolerance = shared.tolerance(address, _("As good as the teacher means: within"), USUAL["tolerance"])
        terms = {"device": shared.device(address), "time_limit_s": shared.time_limit(address)}
        images = shared.training_images(address, data)
        classes = transfer_set.classes(address, data)
        tune = {"lr": fair_fight.rates(address)} if fair_fight.is_on(address) else None
        for name, knob in RECIPE.knobs.items():
            if name != "epochs" and not (tune and name == "lr"):
                train[name] = knob_widget(address, knob, f"train.{name}", default=USUAL["train"].get(name))
    fields = {"train": train, "baseline": baseline, "tune": tune, "seeds": seeds, "tolerance": tolerance, "classes": classes}
    return fields, {"name": data.name, "train_images": images}, terms
