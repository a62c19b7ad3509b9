"""The way from a run back to the page that makes such runs, with the same settings on its controls."""

from collections.abc import Mapping
from typing import Any

from compression.runs.records import Run
from ui.places import DISTILL, Place


def page_with_settings(run: Run) -> tuple[Place, dict[str, str]] | None:
    """Return the page and its address that ask for what a run did; None where no controls can say it."""
    if run.kind != "distill":
        return None
    spec, query = run.spec, {}
    try:
        for name in ("teacher", "student", "loss"):
            query |= _choice(name, spec[name])
        query |= {name: _text(value) for name, value in spec["train"].items()}
        query |= {"dataset": spec["dataset"]["name"], "baseline": _text(spec["baseline"]), "seeds": str(len(spec["seeds"]))}
        if spec["dataset"]["train_images"] is not None:
            query["images"] = _text(spec["dataset"]["train_images"])
        usual = not spec["dataset"]["split_seed"] and spec["teacher_train"] is None
        usual = usual and spec["seeds"] == list(range(len(spec["seeds"])))
    except (AttributeError, KeyError, TypeError):
        return None
    return (DISTILL, query) if usual else None


def _choice(name: str, chosen: Mapping[str, Any]) -> dict[str, str]:
    knobs = {f"{name}_{knob}": _text(value) for knob, value in chosen.items() if knob != "name"}
    return {name: chosen["name"], **knobs}


def _text(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, list):
        return ",".join(map(str, value))
    return f"{value:g}" if isinstance(value, float) else str(value)
