"""Which settings of a spec can be swept, what each allows, and which values are worth trying first."""

import json
import math
from collections.abc import Mapping
from typing import Any

from compression.catalog import Knob, Registry
from compression.data import DATASETS
from compression.data.load import train_images_knob
from compression.distillation import DISTILLATION
from compression.errors import SpecError
from compression.fields import LABEL_WEIGHT, WEIGHT
from compression.models import MODELS
from compression.recipe import RECIPE
from compression.schemes import OFFLINE, SCHEMES
from compression.spec import override
from compression.steps import STEPS

FIRST = ("loss", "steps", "scheme", "student", "model", "transfer", "train")
NUMBERS_AND_FLAGS = ("float", "int", "bool")
TRIED = 5
WIDE = 20.0  # times from the lowest to the highest value; wider, equal ratios are tried, not equal differences
NEAR = 8.0  # times around the present value
CHOSEN_FROM: dict[str, Registry] = {
    "scheme": SCHEMES,
    "loss": DISTILLATION,
    "teacher": MODELS,
    "student": MODELS,
    "model": MODELS,
}


def sweepable(spec: Mapping[str, Any]) -> dict[str, Knob]:
    """Return the settings of a complete spec that can take several values, by their paths; those that people turn most first."""
    found: dict[str, Knob] = {}
    spec = {"scheme": OFFLINE, **spec} if spec["kind"] == "distill" else spec
    for field, value in sorted(spec.items(), key=lambda item: FIRST.index(item[0]) if item[0] in FIRST else len(FIRST)):
        if field == "steps":
            for place, step in enumerate(value):
                entry = STEPS[step["name"]]
                knobs = {name: knob for name, knob in entry.knobs_with(step).items() if name in entry.knobs and not knob.fixed}
                found |= {f"steps.{place}.{name}": knob for name, knob in knobs.items()}
        elif field == "train":
            found |= {f"train.{name}": knob for name, knob in RECIPE.knobs.items()}
        elif field == "transfer":
            found["transfer.images"] = train_images_knob(DATASETS[spec["dataset"]["name"]])
        elif field == "loss" and isinstance(value, list):
            for place, loss in enumerate(value):
                found |= {**_of_choice(f"loss.{place}", DISTILLATION, loss), f"loss.{place}.weight": WEIGHT}
            found["label_weight"] = LABEL_WEIGHT
        elif field in CHOSEN_FROM and isinstance(value, Mapping) and "name" in value:
            found |= _of_choice(field, CHOSEN_FROM[field], value)
    return {path: knob for path, knob in found.items() if knob.kind in NUMBERS_AND_FLAGS or _names(knob)}


def _of_choice(path: str, registry: Registry, choice: Mapping[str, Any]) -> dict[str, Knob]:
    """Return the choice of a method and its knobs."""
    chosen = Knob(registry.noun, name=path.partition(".")[0], kind="choice", registry=registry)
    return {f"{path}.name": chosen, **{f"{path}.{name}": knob for name, knob in registry[choice["name"]].knobs.items()}}


def worth_trying(knob: Knob, value: Any) -> list[Any]:
    """Return some values of a setting: all choices, or numbers around the present one, each as the slider can show it."""
    if knob.kind == "bool":
        return [False, True]
    if knob.kind not in NUMBERS_AND_FLAGS:
        return _names(knob)
    middle = float(value if value is not None else knob.default or knob.low or 1)
    low, high = knob.low if knob.low is not None else 0.0, knob.high if knob.high is not None else 2 * middle
    if middle > 0 and high / (low or middle / NEAR) >= WIDE:
        low, high = max(low, middle / NEAR), min(high, middle * NEAR)
        tried = [low * (high / low) ** (part / (TRIED - 1)) for part in range(TRIED)]
    else:
        tried = [low + (high - low) * part / (TRIED - 1) for part in range(TRIED)]
    return sorted({knob.snap(_rounded(number)) for number in tried} | ({value} if value is not None else set()))


def suggested(spec: Mapping[str, Any], path: str, knob: Knob) -> list[Any]:
    """Return the values of a setting of a complete spec that are worth trying and that its other settings allow."""
    value: Any = spec
    for key in path.split("."):
        value = value[int(key)] if isinstance(value, list) else value.get(key) if isinstance(value, Mapping) else None
    return [tried for tried in worth_trying(knob, value) if _runs(spec, path, tried)]


def _runs(spec: Mapping[str, Any], path: str, value: Any) -> bool:
    try:
        override(spec, [f"{path}={json.dumps(value)}"])
    except SpecError:
        return False
    return True


def _names(knob: Knob) -> list[Any]:
    """Return the names to choose from, where there are several and one must be chosen."""
    needed = knob.kind == "choice" or (knob.kind == "method" and knob.default is not None)
    return list(knob.choices) if needed and len(knob.choices) > 1 else []


def _rounded(number: float) -> float:
    """Return a number with two significant digits."""
    return 0.0 if number == 0 else round(number, 1 - math.floor(math.log10(abs(number))))
