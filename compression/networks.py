"""Networks that are built, trained once and kept, or taken from an earlier run."""

import hashlib
import json
import os
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import nn

from compression.data.arrays import Dataset
from compression.errors import DataError, NotFoundError
from compression.export import compact, weights
from compression.models import MODELS
from compression.texts import gettext as _

BUNDLED = Path(__file__).resolve().parent.parent / "assets" / "teachers"


@dataclass(frozen=True)
class Workspace:
    """Where one run works.

    Attributes:
        folder: the run's own, for artefacts and checkpoints.
        models: trained networks that runs share.
        runs: the folder of all runs, for networks taken from an earlier one.
        device: a torch device.
    """

    folder: Path
    models: Path
    runs: Path
    device: str = "cpu"


def build(architecture: dict[str, Any], dataset: Dataset, *, seed: int) -> nn.Module:
    """Return a network with the weights that its seed gives, on the CPU."""
    torch.manual_seed(seed)
    return construct(architecture, dataset.shape, dataset.classes)


def construct(architecture: dict[str, Any], shape: tuple[int, int, int], classes: int) -> nn.Module:
    """Return a network of an architecture (`name` and knobs) for inputs of a shape (C, H, W)."""
    return MODELS[architecture["name"]].bind(architecture)(tuple(shape), classes)


def cache_key(dataset: dict[str, Any], architecture: dict[str, Any], recipe: dict[str, Any], seed: int) -> str:
    """Return the name under which a trained network is kept: what it learned from, what it is, how, and the seed."""
    facts = {"dataset": dataset, "architecture": architecture, "recipe": recipe, "seed": seed}
    return hashlib.sha256(json.dumps(facts, sort_keys=True).encode()).hexdigest()[:24]


def find_cached(key: str, workspace: Workspace) -> Path | None:
    """Return the file of a network that an earlier run trained or that comes with the lab."""
    for folder in (workspace.models, BUNDLED):
        path = folder / f"{key}.safetensors"
        if path.exists():
            return path
    return None


def artifact_name(role: str, seed: int) -> str:
    """Return the file name of a run's network."""
    return f"{role}-seed{seed}{compact.SUFFIX if role == 'compressed' else '.safetensors'}"


def find_artifact(reference: dict[str, Any], workspace: Workspace) -> Path:
    """Return the file of a network that an earlier run produced, from `run`, `role` and `seed`.

    Raises:
        NotFoundError: that run has no such network.
    """
    path = workspace.runs / reference["run"] / artifact_name(reference["role"], reference["seed"])
    if not path.is_file():
        sentence = _("Run {run} has no file of its {role} of seed {seed} (any more): run it again, or choose another network.")
        raise NotFoundError(sentence.format(**reference))
    return path


def read(path: Path, dataset: Dataset) -> tuple[nn.Module, dict[str, Any]]:
    """Return the network in a file, ready to predict, and its facts.

    Raises:
        DataError: the file cannot be read, or the network is made for other images or classes.
    """
    if path.suffix == compact.SUFFIX:
        header, state = compact.read(path)
        facts = header["metadata"]
    else:
        state, facts = weights.load(path)
    if tuple(facts.get("shape", ())) != dataset.shape or facts.get("classes") != dataset.classes:
        sentence = _("The network in {name} was made for {other}, and does not fit {dataset}.")
        raise DataError(sentence.format(name=path.name, other=facts.get("dataset", _("other data")), dataset=dataset.name))
    model = construct(facts["architecture"], dataset.shape, dataset.classes)
    weights.fill(model, state, path.name)
    return model.eval(), facts


def facts_of(architecture: dict[str, Any], dataset: Dataset) -> dict[str, Any]:
    """Return what a file of weights must say so that the network can be built again."""
    return {"architecture": architecture, "dataset": dataset.name, "shape": list(dataset.shape), "classes": dataset.classes}


def place(source: Path, target: Path) -> None:
    """Make a file appear in another folder as well, sharing the disk's blocks where the file system can."""
    if target.exists():
        return
    target.parent.mkdir(parents=True, exist_ok=True)
    partial = target.with_name(f"{target.name}.{os.getpid()}.partial")
    try:
        os.link(source, partial)
    except OSError:
        shutil.copyfile(source, partial)
    os.replace(partial, target)
