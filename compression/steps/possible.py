"""Whether a pipeline can do its work on a network: found out before anything runs."""

import functools
import json
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from compression.data import DATASETS
from compression.errors import DataError, SpecError
from compression.networks import construct
from compression.steps import STEPS
from compression.texts import gettext as _

ARCHITECTURES_CACHED = 256


def check_pipeline(steps: Sequence[Mapping[str, Any]], architecture: Mapping[str, Any], dataset: str) -> None:
    """Make sure that steps can follow each other, and that each can do its work on an architecture (`name` and knobs).

    Raises:
        SpecError: one cannot.
    """
    for place, step in enumerate(steps):
        traits, where = STEPS[step["name"]].traits, f"steps.{place}.name"
        for knob, value in traits.get("after", {}).items():
            if not any(earlier.get(knob) == value for earlier in steps[:place]):
                allowed = _("it removes what a step before it prunes with {knob} {value}, and there is none")
                raise SpecError(where, step["name"], allowed.format(knob=knob, value=value))
        if traits.get("fits") and (reason := _why_not(step["name"], json.dumps(architecture, sort_keys=True), dataset)):
            raise SpecError(where, step["name"], reason)
        _check_order(steps, place, ())


def check_network(steps: Sequence[Mapping[str, Any]], model: nn.Module, done: Sequence[Mapping[str, Any]] = ()) -> None:
    """Make sure that each step can do its work on a network.

    Args:
        done: the steps that made the network what it is.

    Raises:
        SpecError: one cannot.
    """
    for place, step in enumerate(steps):
        if reason := _reason(step["name"], model):
            raise SpecError(f"steps.{place}.name", step["name"], reason)
        _check_order(steps, place, done)


def _check_order(steps: Sequence[Mapping[str, Any]], place: int, done: Sequence[Mapping[str, Any]]) -> None:
    name = steps[place]["name"]
    try:
        if follows := STEPS[name].traits.get("follows"):
            follows([*done, *steps[:place]])
    except DataError as error:
        raise SpecError(f"steps.{place}.name", name, str(error)) from error


@functools.lru_cache(maxsize=ARCHITECTURES_CACHED)
def _why_not(step: str, architecture: str, dataset: str) -> str:
    traits = DATASETS[dataset].traits
    with torch.device("meta"):  # no memory is taken and nothing is computed
        return _reason(step, construct(json.loads(architecture), traits["shape"], traits["classes"]))


def _reason(step: str, model: nn.Module) -> str:
    fits = STEPS[step].traits.get("fits")
    try:
        if fits:
            fits(model)
    except DataError as error:
        return str(error)
    return ""
