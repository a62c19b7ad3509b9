"""How teachers and students are arranged: the choice of a scheme, with its knobs."""

from collections.abc import Mapping
from types import SimpleNamespace
from typing import Any

import streamlit as st

from compression.adaptation import told as adapted_text
from compression.catalog import Entry
from compression.data import DATASETS
from compression.errors import SpecError
from compression.roles import role_title
from compression.schemes import (
    OFFLINE,
    SCHEMES,
    beside,
    each_before,
    learns_elsewhere,
    made_sizes,
    parts,
    role_titles,
    teacher_dataset,
)
from compression.texts import gettext as _
from ui.address.settings import Address
from ui.form import shared
from ui.form.widgets import choose
from ui.run.words import as_text, network

BEST_KNOWN = ("offline", "assistant", "ensemble", "mutual", "online", "born_again", "early_exits", "cut", "simkd")


def draw(address: Address) -> dict[str, Any]:
    """Draw the choice of a scheme and, but for the usual one, what it does, its knobs and its formula; return it."""
    entry = choose(address, SCHEMES, "scheme", default=OFFLINE["name"], label=_("Scheme"), rank=_rank)
    return OFFLINE if entry.name == OFFLINE["name"] else shared.distillation_loss(address, entry, "scheme")


def _rank(entry: Entry) -> int:
    """Return the place of a scheme in the list: what people know best comes first, what is not named here last."""
    return BEST_KNOWN.index(entry.name) if entry.name in BEST_KNOWN else len(BEST_KNOWN)


def teachers_data(scheme: Mapping[str, Any], data: Entry) -> Entry:
    """Return the dataset that the teacher is trained on: the student's, unless the scheme has a knob for another."""
    asked = SimpleNamespace(scheme=scheme, dataset={"name": data.name})
    return DATASETS[teacher_dataset(asked)["name"]] if learns_elsewhere(asked) else data


def networks_trained(
    scheme: Mapping[str, Any], loss: Any, teacher: Mapping[str, Any] | None, student: Mapping[str, Any], dataset: str
) -> None:
    """Draw which networks a scheme trains beside those that one sees in the form, and that the baseline has none of them."""
    asked = SimpleNamespace(scheme=scheme, loss=loss, teacher=teacher, student=student, dataset={"name": dataset})
    try:
        others, teachers, within = beside(asked), len(each_before(asked)), len(parts(asked))
        made = made_sizes(asked)
    except SpecError:  # Run says why
        return
    told = []
    if teachers > 1:
        told.append(_("{count} teachers are trained, each from a seed of its own.").format(count=teachers))
    if shown := [f"{role_title(role, role_titles(scheme))}, {network(choice)}" for role, choice in others.items()]:
        one = _("For each student it trains one more network: {networks}.")
        sentence = one if len(shown) == 1 else _("For each student it trains {count} more networks: {networks}.")
        told.append(sentence.format(count=len(shown), networks="; ".join(shown)))
        told.append(_("The baseline is one network with the student's budget alone."))
    if made:
        sentence = _(
            "The student sees no image of the dataset: in each epoch {count} are made. The images below are the baseline's; of"
            " the data the generator knows the mean and the deviation of pixels, which are in the teacher's file."
        )
        told.append(sentence.format(count=made["student"]["batch"] * made["student"]["steps"]))
    if within:
        told.append(_("No teacher is trained: the student has {count} early exits while it trains.").format(count=within))
    if learns_elsewhere(asked):
        data, there = DATASETS[dataset], DATASETS[teacher_dataset(asked)["name"]]
        told.append(adapted_text(data.traits["shape"], there.traits["shape"], (_(data.title), _(there.title))))
        told.append(
            _(
                "Its classes are others: it has no accuracy on the student's images and no agreement with the student, and only"
                " losses on features or embeddings can be chosen."
            )
        )
        if (megabytes := there.traits["megabytes"]) and there is not data:
            told.append(_("Its data is downloaded once, {size} MB, unless it is here.").format(size=megabytes))
    if told:
        st.caption(as_text(" ".join(told)))
