"""The catalogue on the command line."""

import argparse
import json
from typing import Any

from compression.catalog import Entry, Knob, Registry
from compression.data import DATASETS
from compression.distillation import DISTILLATION
from compression.models import MODELS
from compression.pruning import PRUNING
from compression.quantization import QUANTIZATION
from compression.schemes import SCHEMES
from compression.steps import STEPS
from compression.targets import TARGETS
from compression.texts import gettext as _

REGISTRIES: dict[str, Registry] = {
    "datasets": DATASETS,
    "models": MODELS,
    "losses": DISTILLATION,
    "schemes": SCHEMES,
    "pruning": PRUNING,
    "quantization": QUANTIZATION,
    "steps": STEPS,
    "targets": TARGETS,
}


def show_methods(request: argparse.Namespace) -> int:
    """Print every method with its settings and return the exit code."""
    if request.json:
        print(json.dumps({name: [_facts(entry) for entry in registry.values()] for name, registry in REGISTRIES.items()}))
        return 0
    for name, registry in REGISTRIES.items():
        print(name)
        for entry in registry.values():
            print(f"  {entry.name:<18} {_(entry.title)}")
            for knob in entry.knobs.values():
                print(f"      {knob.name:<14} {json.dumps(knob.default):<12} {_(knob.help)} ({_allowed(knob)})")
    return 0


def _facts(entry: Entry) -> dict[str, Any]:
    return {
        "name": entry.name,
        "title": _(entry.title),
        "caption": entry.caption,
        "source": entry.source,
        "settings": {name: _knob_facts(knob) for name, knob in entry.knobs.items()},
    }


def _knob_facts(knob: Knob) -> dict[str, Any]:
    names = ("kind", "default", "low", "high", "step", "unit")
    facts = {name: getattr(knob, name) for name in names}
    return {**facts, "choices": list(knob.choices), "help": _(knob.help)}


def _allowed(knob: Knob) -> str:
    return knob.allowed().removeprefix(_("allowed is ")) if knob.kind != "method" else ", ".join(knob.choices)
