"""Early exits of a network: which stages they come after, their heads, and the networks that end in them."""

import copy
import functools
import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn

from compression.data import DATASETS
from compression.edits.exit_early import Head
from compression.edits.replay import apply
from compression.errors import SpecError
from compression.features import Layout, layout, layout_of
from compression.measure.cost import Cost, cost
from compression.recipe import Recipe
from compression.steps.state import State
from compression.texts import gettext as _

SEED = 32_452_843  # added to a network's seed: its heads' weights are not those that it began with
ARCHITECTURES_CACHED = 256


@dataclass(frozen=True)
class Exit:
    """One early exit.

    Attributes:
        stage: after which, counted from 0.
        edit: by which the network ends there.
    """

    stage: int
    head: Head
    edit: dict[str, Any]


def add_exits(model: nn.Module, shape: Sequence[int], classes: int, *, most: int, seed: int) -> list[Exit]:
    """Return heads for a network, on its device: after each stage but the last, or after so many, evenly spread.

    Raises:
        SpecError: the network has fewer than two stages.
    """
    found, device = layout(model, shape), next(model.parameters()).device
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + SEED)
        heads = [Head(found.stages[place].channels, found.embedding, classes) for place in stages(found, most)]
    edits = [
        {"name": "exit_early", "layer": found.stages[place].layer, "width": found.embedding} for place in stages(found, most)
    ]
    return [Exit(*parts) for parts in zip(stages(found, most), (head.to(device) for head in heads), edits, strict=True)]


def network_of(model: nn.Module, early: Exit) -> nn.Module:
    """Return the network that ends in an exit, with copies of the trained weights of both."""
    state = State(copy.deepcopy(model))
    apply(state, early.edit)
    (head,) = (module for module in state.model.modules() if isinstance(module, Head))
    head.load_state_dict(early.head.state_dict())
    return state.model


def stages(found: Layout, most: int) -> list[int]:
    """Return after which stages exits come.

    Raises:
        SpecError: there are fewer than two stages, or no linear layer at the end.
    """
    there = len(found.stages) - 1
    if there < 1 or found.classifier is None:
        allowed = _("early exits need a student with feature maps of two stages or more: choose another student")
        raise SpecError("scheme.name", "early_exits", allowed)
    count = min(most, there)
    return [(2 * place + 1) * there // (2 * count) for place in range(count)]


def exit_roles(student: dict[str, Any], dataset: str, most: int) -> dict[str, dict[str, Any]]:
    """Return the architectures of a student's exits by role: each is the student's, which an edit ends early.

    Raises:
        SpecError: the student has fewer than two stages.
    """
    return {f"exit{number}": student for number, _stage in enumerate(stages(layout_of(student, dataset), most), 1)}


def exits_seconds(student: dict[str, Any], dataset: str, most: int, recipe: Recipe, images: int, device: str) -> float:
    """Return the seconds that the heads of a student's exits add to its training on so many images."""
    batch = min(recipe.batch_size, images)
    each = sum(head.step_seconds(batch, device) for head in _head_costs(json.dumps(student, sort_keys=True), dataset, most))
    return recipe.epochs * (images // batch) * each


@functools.lru_cache(maxsize=ARCHITECTURES_CACHED)
def _head_costs(student: str, dataset: str, most: int) -> list[Cost]:
    found, classes = layout_of(json.loads(student), dataset), DATASETS[dataset].traits["classes"]
    ends = [found.stages[place] for place in stages(found, most)]
    with torch.device("meta"):
        return [cost(Head(end.channels, found.embedding, classes), (end.channels, end.height, end.width)) for end in ends]
