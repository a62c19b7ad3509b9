"""In which precision the networks of a run are trained: as its spec asks, or the faster by timing steps of these networks."""

import copy
import itertools
import json
import time
from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from statistics import median
from typing import Any, TypeVar

import torch
from torch import nn

from compression import events, networks
from compression.autocast import is_native
from compression.data.arrays import Dataset
from compression.events import Event
from compression.given import is_given
from compression.hooks import Hooks
from compression.lab import Lab, fitting_threads
from compression.measure.macs import to_fast_layout_
from compression.precision import AUTOMATIC, BFLOAT16, ENOUGH, FLOAT32, sentence
from compression.recipe import RECIPE, Recipe, in_precision, teacher_recipe
from compression.reuse import student_as_trained
from compression.schemes import beside, each_before, teacher_dataset
from compression.spec import CompressSpec, DistillSpec
from compression.texts import gettext as _
from compression.training import Loop

FEWEST_ROUNDS, MOST_ROUNDS, BUDGET_S = 5, 50, 2.0
FILE = "precision.json"

AnySpec = TypeVar("AnySpec", DistillSpec, CompressSpec)


def settle(spec: AnySpec, lab: Lab) -> Generator[Event, None, tuple[AnySpec, dict[str, Any]]]:
    """Yield what is found out; return the spec with one precision for all its trainings, and what the result says of it.

    A spec that asks for float32, as all did before there was a choice, is returned as it is, and its result says nothing. What
    was chosen by timing stands in the run's folder, so that a run that goes on has it, too.
    """
    asked = spec.train.get("precision", FLOAT32)
    if asked == FLOAT32:
        return spec, {}
    path = lab.workspace.folder / FILE
    found = _read(path)
    if found is None:
        found = yield from _choose(spec, lab, asked)
        _write(path, found)
    yield events.stage("precision", sentence(found))
    return replace(spec, train=in_precision(spec.train, found["used"])), {"precision": found}


def speedup(steps: Mapping[str, Callable[[], None]], clock: Callable[[], float] = time.perf_counter) -> float:
    """Return how many times as fast steps are in bfloat16 as in float32: the ratio of the medians of rounds in turn.

    Args:
        steps: by precision; each call trains every network for one step and waits for it.
    """
    times: dict[str, list[float]] = {FLOAT32: [], BFLOAT16: []}
    for step in steps.values():  # what a first call makes ready does not count
        step()
    began = clock()
    while len(times[FLOAT32]) < MOST_ROUNDS and (len(times[FLOAT32]) < FEWEST_ROUNDS or clock() - began < BUDGET_S):
        for precision, measured in times.items():
            before_step = clock()
            steps[precision]()
            measured.append(clock() - before_step)
    return median(times[FLOAT32]) / median(times[BFLOAT16])


def _choose(spec: DistillSpec | CompressSpec, lab: Lab, asked: str) -> Generator[Event, None, dict[str, Any]]:
    native, measured = is_native(lab.workspace.device), None
    if asked == AUTOMATIC and native:
        yield events.stage("precision", _("Timing training steps in float32 and in bfloat16"))
        measured = _measured(spec, lab)
    used = asked if asked != AUTOMATIC else BFLOAT16 if measured and measured >= ENOUGH else FLOAT32
    return {"asked": asked, "used": used, "native": native, "speedup": measured}


def _measured(spec: DistillSpec | CompressSpec, lab: Lab) -> float:
    """Return how many times as fast one step of each network that the run trains is in bfloat16, on copies of them."""
    trained = [(model.to(lab.workspace.device), data, recipe) for model, data, recipe in _trained(spec, lab)]
    operations = max(to_fast_layout_(model, data.shape) * recipe.batch_size for model, data, recipe in trained)
    wait = torch.cuda.synchronize if lab.workspace.device.startswith("cuda") else _nothing

    def stepping(precision: str) -> Callable[[], None]:
        each = [_steps(copy.deepcopy(model), data, replace(recipe, precision=precision)) for model, data, recipe in trained]

        def step() -> None:
            for steps in each:
                next(steps)
            wait()

        return step

    with fitting_threads(operations):
        return speedup({precision: stepping(precision) for precision in (FLOAT32, BFLOAT16)})


def _trained(spec: DistillSpec | CompressSpec, lab: Lab) -> Iterator[tuple[nn.Module, Dataset, Recipe]]:
    """Yield each network that a run trains, with its data and its recipe."""
    own = RECIPE.bind(spec.train)()
    if isinstance(spec, CompressSpec):
        there = is_given(spec.model)
        yield lab.given(spec.model) if there else networks.build(spec.model, lab.data, seed=0), lab.data, own
        return
    for choice in {role: choice for role, choice, _seed in each_before(spec)}.values():
        if not is_given(choice):
            dataset = teacher_dataset(spec)
            recipe, data = teacher_recipe(dataset, spec.teacher_train, spec.train), lab.on(dataset).data
            yield networks.build(choice, data, seed=0), data, RECIPE.bind(recipe)()
    transfer = lab.data.first(spec.transfer["images"], spec.transfer.get("classes"))
    yield student_as_trained(spec, lab.data, lab.workspace), transfer, own
    for choice in beside(spec).values():
        yield networks.build(choice, lab.data, seed=0), transfer, own


def _steps(model: nn.Module, data: Dataset, recipe: Recipe) -> Iterator[None]:
    """Train a network for ever, a step each time that the next is asked for."""
    loop, totals = Loop(model.train(), data, recipe, 0, None, None, Hooks()), {}
    for step, chosen, views in itertools.cycle(loop.order(1)):
        yield loop.take_step(step, chosen, views, totals)


def _nothing() -> None:
    """Wait for nothing: CPU calls return when they are done."""


def _read(path: Path) -> dict[str, Any] | None:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None


def _write(path: Path, found: Mapping[str, Any]) -> None:
    partial = path.with_suffix(".partial")
    partial.write_text(json.dumps(found), encoding="utf-8")
    partial.replace(path)
