"""The settings of a run as an address has them, and the page that shows them."""

from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from compression.runs.records import Run
from ui.address.settings import SWEEP, setting_text
from ui.frame.pages import COMPRESS, DISTILL, Place

SOURCES = {"run": "run", "file": "weights"}  # where a network comes from, by the field that says so
PAGES = {"distill": DISTILL, "compress": COMPRESS}


def page_with_settings(run: Run) -> tuple[Place, dict[str, str]] | None:
    """Return the page whose controls take a run's settings, and the address that asks for them; None if there is none."""
    return (PAGES[run.kind], {"run": run.id}) if run.kind in PAGES and run.spec else None


def page_of_sweep(run: Run) -> tuple[Place, dict[str, str]] | None:
    """Return the page that shows the sweep a run belongs to, and the address that asks for it; None where it has none."""
    return (PAGES[run.kind], {SWEEP: run.sweep}) if run.sweep and run.kind in PAGES else None


def page_of_kind(kind: Any) -> Place | None:
    """Return the page that asks for runs of a kind; None for a kind that has none."""
    return PAGES.get(kind)


def settings_of(spec: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of a spec by the names that an address has: `{"student": "cnn", "student.width": "2"}`.

    The steps of a compression go by their names, `prune.sparsity`; the first of several losses by `loss`, the others by
    `loss.1` and so on; seeds from 0 on by their number.
    """
    named: dict[str, Any] = {name: value for name, value in spec.items() if name not in ("kind", "steps", "seeds")}
    if "steps" in spec:
        named |= {step["name"]: {knob: value for knob, value in step.items() if knob != "name"} for step in spec["steps"]}
    if isinstance(spec.get("loss"), list):
        named |= {f"loss.{place}" if place else "loss": loss for place, loss in enumerate(spec["loss"])}
    if spec.get("seeds") == list(range(len(spec.get("seeds", ())))):
        named["seeds"] = len(spec["seeds"])
    for role in ("teacher", "model"):
        if named.get(role):
            named[f"{role}.from"] = next((name for name, field in SOURCES.items() if field in named[role]), "zoo")
    if isinstance(named.get("teacher_train"), Mapping):
        # The precision is the students', and the page asks for it once.
        own = {knob: value for knob, value in named["teacher_train"].items() if knob != "precision"}
        named |= {"teacher_train": True} | {f"teacher_train.{knob}": value for knob, value in own.items()}
    elif "teacher_train" in named:
        named["teacher_train"] = False
    ticked = {"finetune": "finetune", "activations": "quantize_activations"} if "steps" in spec else {}
    used = {name: setting_text(step in named) for name, step in ticked.items()}
    used |= {"pruning": "gradual"} if "gradual" in named and "steps" in spec else {}
    channels = any(step.get("granularity") == "channel" for step in spec.get("steps", ()))
    used |= {"remove": setting_text("remove" in named)} if channels else {}
    return used | {name: setting_text(value) for name, value in _leaves(named)}


def swept_settings(over: Mapping[str, Any]) -> dict[str, str]:
    """Return the settings of a sweep, each with its values, by the names that an address has."""
    named = zip(("several", "several.and"), over.items(), strict=False)
    return {name: text for first, (path, values) in named for name, text in ((first, path), (f"{first}.values", _list(values)))}


def _list(values: Iterable[Any]) -> str:
    return ", ".join(setting_text(value) for value in values)


def _leaves(settings: Mapping[str, Any], path: str = "") -> Iterator[tuple[str, Any]]:
    for name, value in settings.items():
        where = path if name == "name" else f"{path}.{name}" if path else name
        if isinstance(value, Mapping):
            yield from _leaves(value, where)
        elif not (isinstance(value, list) and any(isinstance(part, Mapping) for part in value)):
            yield where, value
