"""What the runs of cards found when they were recorded: a JSON file a card under assets/cards/results, written by a command."""

import datetime
import functools
import json
import os
import platform
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import Any

from compression.cards import CPU, FOLDER, Card
from compression.data import DATASETS
from compression.spec import Spec, parse
from compression.sweep import Sweep, is_sweep, parse_sweep

RESULTS = FOLDER / "results"
OF_A_ROLE = ("accuracy", "accuracy_interval", "validation_accuracy", "unseen", "parameters", "size_bytes", "architecture")
OF_A_SEED = ("seed", "accuracy", "validation_accuracy", "convergence")
CHECKED = 512  # requests
OF_A_RESULT = ("verdict", "teacher_verdict", "images")


def hash_of(card: Card, part: str, budget: str = CPU) -> str:
    """Return the hash of one of a card's runs as the card asks for it today."""
    return asked_for(card, part, budget).hash


def asked_for(card: Card, part: str, budget: str = CPU) -> Spec | Sweep:
    """Return the spec or the sweep of one of a card's runs, checked once."""
    return _checked(json.dumps(card.spec_of(part, budget)))


@functools.lru_cache(maxsize=CHECKED)
def _checked(raw: str) -> Spec | Sweep:
    told = json.loads(raw)
    return parse_sweep(told) if is_sweep(told) else parse(told)


def records(card: Card, budget: str = CPU) -> dict[str, dict[str, Any]]:
    """Return what was recorded of a card's runs within a budget, by their names: each `hash`, `made`, `result` and more."""
    path = RESULTS / f"{card.name}.json"
    return json.loads(path.read_text(encoding="utf-8")).get(budget, {}) if path.is_file() else {}


def is_stale(card: Card, part: str, record: Mapping[str, Any], budget: str = CPU) -> bool:
    """Tell whether a record is of other settings than the card's run has today."""
    return record["hash"] != hash_of(card, part, budget)


def record(card: Card, part: str, budget: str, outcome: Mapping[str, Any]) -> Path:
    """Write down what a card's run found, in place of what was recorded before, and return the file.

    Args:
        outcome: `result` of a run or a sweep, the complete `spec` that ran, `seconds` of work and `device`.
    """
    RESULTS.mkdir(parents=True, exist_ok=True)
    path = RESULTS / f"{card.name}.json"
    known = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    spec, facts = outcome["spec"], {"python": platform.python_version(), "torch": version("torch")}
    known.setdefault(budget, {})[part] = {
        "hash": hash_of(card, part, budget),
        "made": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "seconds": round(outcome["seconds"], 1),
        "device": outcome["device"],
        "cores": os.cpu_count(),
        "versions": facts,
        "dataset": _told(asked_for(card, part, budget), (spec.get("base") or spec)["dataset"]),
        "result": _trimmed(outcome["result"]),
    }
    path.write_text(json.dumps(known, indent=1, sort_keys=True) + "\n", encoding="utf-8")
    return path


def _told(asked: Spec | Sweep, dataset: Mapping[str, Any]) -> dict[str, Any]:
    """Return the dataset of a run, with its title where it is another than the card asks for."""
    own = asked.base["dataset"] if isinstance(asked, Sweep) else asked.dataset
    title = {} if own["name"] == dataset["name"] else {"title": DATASETS[dataset["name"]].title}
    return {**dataset, **title}


def _trimmed(result: Mapping[str, Any]) -> dict[str, Any]:
    """Return of a result what cards show; timings of networks are not among it."""
    if "cells" in result:
        return {"cells": [{"at": cell["at"], "state": cell["state"], **_trimmed(cell)} for cell in result["cells"]]}
    roles = {
        role: {key: model[key] for key in OF_A_ROLE if key in model}
        | {"per_seed": [{key: row.get(key) for key in OF_A_SEED} for row in model["per_seed"]]}
        for role, model in (result.get("models") or {}).items()
    }
    return {"models": roles, **{key: result.get(key) for key in OF_A_RESULT}}
