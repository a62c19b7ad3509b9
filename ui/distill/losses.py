"""The losses of a distillation: one alone, or a list of them, each with its weight."""

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import streamlit as st

from compression.catalog import Entry
from compression.distillation import DISTILLATION
from compression.errors import SpecError
from compression.fields import LABEL_WEIGHT, MOST_PARTS, WEIGHT, compares_inside
from compression.objective import build_objective
from compression.schemes import SCHEMES, usual_fields
from compression.spec import DEFAULTS
from compression.texts import gettext as _
from compression.texts import mark
from ui.address.settings import Address
from ui.form import formula, shared
from ui.form.shared import Compared
from ui.form.widgets import choose, entry_form, knob_widget, understand_number

USUAL = DEFAULTS["distill"]["loss"]["name"]
COUNT = "losses"  # of a list; 0 for a loss alone. It has no place in the address, where a list shows by its names
LABELS = "label_weight"
WEIGHT_WIDTH = 104  # pixels
COMPARED = {
    "answers": mark("Answers"),
    "features": mark("Features"),
    "relations": mark("Relations"),
    "nothing": mark("No teacher"),
}


class Offered(NamedTuple):
    """The losses that a scheme can work with, and the name of the one that it begins with."""

    usual: str
    offers: Callable[[Entry], bool]


def draw(address: Address, offered: Offered) -> dict[str, Any]:
    """Draw the losses with their knobs and the formula, and return the fields of the spec."""
    count = address.recall(COUNT, _asked(address))
    if not count:
        entry = _choose(address, "loss", offered, _("Loss"))
        return {"loss": shared.distillation_loss(address, entry, "loss")}
    losses = [_weighted(address, place, offered) for place in range(count)]
    weight = _label_weight(address, losses)
    st.latex(formula.of_several(losses, weight))
    return {"loss": losses, LABELS: weight}


def _choose(address: Address, key: str, offered: Offered, label: str) -> Entry:
    """Draw the choice of a loss, grouped by what losses compare."""
    return choose(
        address,
        DISTILLATION,
        key,
        default=offered.usual,
        label=label,
        offer=offered.offers,
        rank=lambda entry: 2 * [*COMPARED].index(what_it_compares(entry)) + (entry.name != USUAL),
        title=lambda entry: f"{_(COMPARED[what_it_compares(entry)])}: {_(entry.title)}",
    )


def what_it_compares(entry: Entry) -> str:
    """Return what a loss compares of student and teacher, a key of `COMPARED`: by its trait, or by what it looks at."""
    if entry.traits.get("teacher_free"):
        return "nothing"
    needs = entry.traits.get("needs", ())
    return entry.traits.get("compares") or ("relations" if "embedding" in needs else "features" if needs else "answers")


def offered_with(scheme: Mapping[str, Any]) -> Offered:
    """Return which losses a scheme can work with, and the one that it begins with."""
    inside = "teacher_dataset" in SCHEMES[scheme["name"]].traits
    usual = {"loss": {"name": USUAL}} | usual_fields(scheme)
    return Offered(usual["loss"]["name"], compares_inside if inside else lambda entry: True)


def offer_another(address: Address, loss: Any, offered: Offered, networks: Compared) -> None:
    """Draw the button that adds a loss: the first that is not there yet and that can compare the two networks."""
    there = [part["name"] for part in (loss if isinstance(loss, list) else [loss])]
    if len(there) < MOST_PARTS:
        possible = (name for name in DISTILLATION if offered.offers(DISTILLATION[name]))
        fresh = (name for name in possible if name not in there and _compares(name, networks))
        help_text = _("The student then learns from the sum of the losses, each with a weight")
        looks = {"icon": ":material/add:", "type": "tertiary", "help": help_text, "key": "add-loss"}
        st.button(_("Add a loss"), on_click=_add, args=(address, next(fresh, offered.usual)), **looks)


def _compares(name: str, networks: Compared) -> bool:
    try:
        networks.layers(build_objective(DISTILLATION.check({"name": name}, "loss")))
    except SpecError:
        return False
    return True


def _asked(address: Address) -> int:
    """Return how many losses the address lists."""
    count = 1
    while count < MOST_PARTS and address.asks(_name(count)) is not None:
        count += 1
    return count if count > 1 or address.asks(f"{_name(0)}.weight") is not None else 0


def _name(place: int) -> str:
    """Return what a loss is called in the address: the first has the name that it has alone."""
    return f"loss.{place}" if place else "loss"


def _weighted(address: Address, place: int, offered: Offered) -> dict[str, Any]:
    """Draw one loss of a list, its knobs, its weight and the button that removes it."""
    name = _name(place)
    with st.container(border=True, gap="small"):
        with st.container(horizontal=True, vertical_alignment="bottom", gap="small"):
            label = _("Loss {number}").format(number=place + 1)
            with st.container():
                entry = _choose(address, name, offered, label)
            with st.container(width=WEIGHT_WIDTH):
                weight = knob_widget(address, WEIGHT, f"{name}.weight")
            help_text = _("Remove {label}").format(label=label)
            looks = {"icon": ":material/close:", "type": "tertiary", "help": help_text, "key": f"remove-loss-{place}"}
            st.button("", on_click=_remove, args=(address, place), **looks)
        st.caption(_(entry.caption))
        return {**entry_form(address, entry, name), "weight": weight}


def _label_weight(address: Address, losses: list[dict[str, Any]]) -> float | None:
    """Draw what the labels weigh beside a list; None, which an empty field says, leaves it to the losses."""
    label = _("Weight of the labels")

    def understand(text: str) -> float | None:
        return None if text == "none" else understand_number(LABEL_WEIGHT, text, None, label)

    address.read(LABELS, None, understand)
    placeholder = _("Automatic: {weight:g}").format(weight=formula.labels_weigh(losses))
    bounds = {"min_value": float(LABEL_WEIGHT.low), "max_value": float(LABEL_WEIGHT.high), "step": float(LABEL_WEIGHT.step)}
    looks = {"value": None, "format": "%g", "placeholder": placeholder, "help": _(LABEL_WEIGHT.help), "persist_state": "session"}
    weight = st.number_input(label, **bounds, key=address.key(LABELS), **looks)
    address.keep(LABELS, "none" if weight is None else weight)
    return weight


def _add(address: Address, method: str) -> None:
    """Put another loss at the end of the list, with the default values of its knobs."""
    state, count = st.session_state, max(1, st.session_state[address.key(COUNT)])
    stale = [f"{address.key(_name(count))}."]
    if not state[address.key(COUNT)]:
        stale += [f"{address.key(_name(0))}.weight", address.key(LABELS)]
    for key in [key for key in state if str(key).startswith(tuple(stale))]:
        del state[key]
    state[address.key(COUNT)], state[address.key(_name(count))] = count + 1, method


def _remove(address: Address, place: int) -> None:
    """Take a loss out of the list; those behind it move up, and the last one left stands alone."""
    state, count = st.session_state, st.session_state[address.key(COUNT)]
    for later in range(place + 1, count):
        old, new = _name(later), _name(later - 1)
        for ending in ("", ".weight", *(f".{knob}" for knob in DISTILLATION[state[address.key(old)]].knobs)):
            held, wanted = address.key(f"{old}{ending}"), address.key(f"{new}{ending}")
            if held in state:
                state[wanted] = state[held]
            elif wanted in state:  # of a method that was chosen this moment nothing is drawn yet
                del state[wanted]
    state[address.key(COUNT)] = count - 1 if count > 2 else 0
