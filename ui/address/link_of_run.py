"""The way from a run back to the page that makes such runs, with the same settings on its controls."""

from collections.abc import Mapping
from typing import Any

from compression.runs.records import Run
from ui.frame.pages import COMPRESS, DISTILL, Place

STEPS_OF_THE_PAGE = (["prune", "quantize"], ["prune", "quantize", "finetune"])
USUAL_TOLERANCE = 0.01


def page_with_settings(run: Run) -> tuple[Place, dict[str, str]] | None:
    """Return the page and its address that ask for what a run did; None where no controls can say it."""
    pages = {"distill": (DISTILL, _distillation), "compress": (COMPRESS, _compression)}
    if run.kind not in pages:
        return None
    place, settings = pages[run.kind]
    try:
        query = settings(run.spec)
        return (place, {**query, **_data_and_seeds(run.spec)}) if query and _is_usual(run.spec) else None
    except (AttributeError, KeyError, TypeError):
        return None


def _distillation(spec: Mapping[str, Any]) -> dict[str, str] | None:
    if spec["teacher_train"] is not None:
        return None
    query = {name: _text(value) for name, value in spec["train"].items()}
    query |= _model("teacher", spec["teacher"], "teacher_") | _choice("student", spec["student"]) | _choice("loss", spec["loss"])
    return {**query, "baseline": _text(spec["baseline"])}


def _compression(spec: Mapping[str, Any]) -> dict[str, str] | None:
    names = [step["name"] for step in spec["steps"]]
    if names not in STEPS_OF_THE_PAGE or spec["tolerance"] != USUAL_TOLERANCE:
        return None
    steps = {step["name"]: step for step in spec["steps"]}
    query = {f"train_{name}": _text(value) for name, value in spec["train"].items()} | _model("model", spec["model"])
    for name in ("prune", "quantize"):
        query |= {knob: _text(value) for knob, value in steps[name].items() if knob != "name"}
    if "finetune" not in steps:
        return {**query, "finetune": "no"}
    tuned = steps["finetune"]
    query |= {"epochs": _text(tuned["epochs"]), "lr": _text(tuned["lr"])}
    if tuned["loss"] is None:
        return query
    loss = _choice("loss", tuned["loss"])
    return {**query, "learn": loss.pop("loss"), **loss}


def _model(name: str, model: Mapping[str, Any], prefix: str = "") -> dict[str, str]:
    if "run" in model:
        made = f"{model['run']}.{model['role']}"
        return {f"{prefix}from": "run", f"{prefix}made": made, f"{prefix}seed": str(model["seed"])}
    return _choice(name, model)


def _data_and_seeds(spec: Mapping[str, Any]) -> dict[str, str]:
    images = spec["dataset"]["train_images"]
    query = {"dataset": spec["dataset"]["name"], "seeds": str(len(spec["seeds"]))}
    return query if images is None else {**query, "images": _text(images)}


def _is_usual(spec: Mapping[str, Any]) -> bool:
    """Tell whether what no control offers is as the pages have it."""
    return not spec["dataset"]["split_seed"] and spec["seeds"] == list(range(len(spec["seeds"])))


def _choice(name: str, chosen: Mapping[str, Any]) -> dict[str, str]:
    knobs = {f"{name}_{knob}": _text(value) for knob, value in chosen.items() if knob != "name"}
    return {name: chosen["name"], **knobs}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
