"""The controls of the Compress page: from widgets to a request, the defaults of the page being those of the command line."""

from typing import Any

import streamlit as st

from compression.catalog import Knob
from compression.data import DATASETS
from compression.distillation import DISTILLATION
from compression.given import is_given
from compression.recipe import RECIPE, default_recipe, in_precision
from compression.spec import DEFAULTS
from compression.steps import STEPS
from compression.texts import gettext as _
from compression.texts import ngettext
from ui.address.settings import Address
from ui.form import network_facts, network_source, shared
from ui.form.labels import label_of
from ui.form.shared import Request
from ui.form.widgets import flag, knob_widget, knobs_form, select, understand_number

USUAL = DEFAULTS["compress"]
STEP_USUAL = {step["name"]: step for step in USUAL["steps"]}
LABELS_ALONE = "none"
EARLIER_NAMES = {
    **{f"steps_{place}": step["name"] for place, step in enumerate(USUAL["steps"])},
    **{knob: f"{name}_{knob}" for name, step in STEP_USUAL.items() for knob in step if knob != "name"},
    **{name: f"model_{name}" for name in ("from", "made", "seed")},
    "images": "dataset_train_images",
    "learn": "finetune_loss",
}


def draw(address: Address) -> Request:
    """Draw all controls and return what they ask for."""
    with st.container(border=True, gap="small"):
        st.markdown(_("**Network and data**"))
        left, right = st.columns([4, 3], gap="small")
        with left:
            data = shared.dataset(address, USUAL["dataset"])
        with right:
            source = network_source.source(address, "model", _("Network from"))
        shared.dataset_note(address, data)
        model = network_source.choose_network(address, data, "model", _("Model"), USUAL["model"], source=source)
        place = st.empty()
    with st.container(border=True, gap="small"):
        st.markdown(_("**Compression**"))
        pruning = _step(address, _pruning(address), "sparsity")
        steps = [pruning, *_following(address, pruning), _step(address, "quantize", "bits")]
        steps += _activations(address)
    with st.container(border=True, gap="small"):
        st.markdown(_("**Recovery**"))
        steps += _recovery(address)
        seeds = shared.seeds(address, USUAL["seeds"])
        with st.expander(_("More settings")):
            tolerance = shared.tolerance(address, _("As good as the original means: within"), USUAL["tolerance"])
            device, limit = shared.device(address), shared.time_limit(address)
            images, train = shared.training_images(address, data), _train(address)
    dataset = {"name": data.name, "train_images": images}
    with place.container():
        _facts(address, dataset, model, train, seeds[0])
    raw = {"kind": "compress", "dataset": dataset, "model": model, "train": train, "steps": steps, "seeds": seeds}
    return Request({**raw, "tolerance": tolerance}, device, limit)


def _facts(address: Address, dataset: dict[str, Any], model: dict[str, Any], train: dict[str, Any], seed: int) -> None:
    """Draw the network's numbers, whether it is trained already, and what is where it is so by the recipe of its dataset."""
    if (structure := network_source.structure_of(model)) is not None:
        note = shared.standing(dataset, model, RECIPE.check(train, "train"), seed)
        network_facts.show(structure, dataset["name"], note=note)
    recipe, train = in_precision(default_recipe(DATASETS[dataset["name"]]), train["precision"]), RECIPE.check(train, "train")
    if is_given(model) or recipe == train or not (_kept(dataset, model, recipe, seed) and not _kept(dataset, model, train, seed)):
        return
    settings = {address.key(f"train.{name}"): value for name, value in recipe.items()}
    several = ngettext(
        "Take the one trained already, {epochs} epoch", "Take the one trained already, {epochs} epochs", recipe["epochs"]
    )
    label = several.format(epochs=recipe["epochs"])
    st.button(label, icon=":material/bolt:", on_click=st.session_state.update, args=(settings,), width="stretch")


def _kept(dataset: dict[str, Any], model: dict[str, Any], recipe: dict[str, Any], seed: int) -> bool:
    return shared.is_kept({**dataset, "split_seed": 0}, model, RECIPE.check(recipe, "train"), seed)


def _pruning(address: Address) -> str:
    """Draw whether pruning happens at once or while the network trains, and return the step's name."""
    offered = [name for name, entry in STEPS.items() if name == "prune" or entry.traits.get("at_once") == "prune"]
    offered.sort(key="prune".__ne__)
    label, caption = _("Pruning"), _("Set weights to zero at once, or ever more of them while the network trains")
    return select(address, "pruning", offered, default="prune", label=label, show=_title_of_step, help=caption)


def _title_of_step(name: str) -> str:
    return _("At once") if name == "prune" else _(STEPS[name].title)


def _step(address: Address, name: str, first: str) -> dict[str, Any]:
    """Draw a step: its main knob as wide as there is room, the others in pairs."""
    entry, usual, place = STEPS[name], STEP_USUAL.get(name, {}), st.container()
    others = {knob: declared for knob, declared in entry.knobs.items() if knob != first}
    values = knobs_form(address, others, name, defaults=usual)
    knobs = entry.knobs_with(values)
    with place:
        values[first] = _first(address, knobs[first], f"{name}.{first}", usual.get(first))
    beside = {knob: declared for knob, declared in knobs.items() if knob not in entry.knobs}
    usual = usual if all(values.get(knob) == others[knob].default for knob in others if others[knob].beside) else {}
    return {"name": name, **values, **knobs_form(address, beside, name, defaults=usual)}


def _first(address: Address, knob: Knob, key: str, usual: Any) -> Any:
    """Draw a step's main knob and return its value; one that can have a single value is told, not drawn."""
    if not knob.fixed:
        return knob_widget(address, knob, key, default=usual)
    address.read(key, knob.default, lambda text: understand_number(knob, text, knob.default, label_of(knob)))
    address.keep(key, knob.default)
    st.caption(_("{setting}: {value:g}. {help}").format(setting=label_of(knob), value=knob.default, help=_(knob.help)))
    return knob.default


def _following(address: Address, pruning: dict[str, Any]) -> list[dict[str, Any]]:
    """Draw a box to tick for each step that can follow the pruning because of how that is set, and return those ticked."""
    afters = {name: entry.traits["after"] for name, entry in STEPS.items() if "after" in entry.traits}
    offered = [STEPS[name] for name, after in afters.items() if all(pruning.get(knob) == value for knob, value in after.items())]
    chosen = [entry for entry in offered if flag(address, entry.name, default=False, label=_(entry.title), help=_(entry.caption))]
    if offered and not chosen:
        st.caption(_("Not removed, pruned channels stay as zeros: the file gets smaller, the network no faster."))
    return [{"name": entry.name} for entry in chosen]


def _activations(address: Address) -> list[dict[str, Any]]:
    """Draw whether the inputs of layers are rounded too, and how."""
    entry = STEPS["quantize_activations"]
    if not flag(address, "activations", default=False, label=_(entry.title), help=_(entry.caption)):
        return []
    return [_step(address, entry.name, "activation_bits")]


def _recovery(address: Address) -> list[dict[str, Any]]:
    """Draw whether and how the compressed network trains on."""
    entry, usual = STEPS["finetune"], STEP_USUAL["finetune"]
    if not flag(address, "finetune", default=True, label=_("Fine-tune after compressing"), help=_(entry.caption)):
        return []
    epochs, rate = st.columns(2, gap="small", vertical_alignment="bottom")
    with epochs:
        values = {"epochs": knob_widget(address, entry.knobs["epochs"], "finetune.epochs", default=usual["epochs"])}
    with rate:
        values["lr"] = knob_widget(address, entry.knobs["lr"], "finetune.lr", default=usual["lr"])
    words = {LABELS_ALONE: _("The labels alone")}
    for name, loss in DISTILLATION.items():
        told = _("{loss}, without the original") if loss.traits.get("teacher_free") else _("The original: {loss}")
        words[name] = told.format(loss=_(loss.title))
    chosen = select(address, "finetune.loss", [*words], default=LABELS_ALONE, label=_("Learns from"), show=words.__getitem__)
    loss = None if chosen == LABELS_ALONE else shared.distillation_loss(address, DISTILLATION[chosen], "finetune.loss")
    return [{"name": entry.name, **values, "loss": loss}]


def _train(address: Address) -> dict[str, Any]:
    """Draw how the original is trained; fine-tuning takes all but its epochs and its learning rate from there."""
    st.caption(_("How the original is trained, where it is not trained yet:"))
    return {name: knob_widget(address, knob, f"train.{name}") for name, knob in RECIPE.knobs.items()}
