"""Compression before recovery: accuracy and file size over a knob, at once and without training."""

import copy
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import torch
from torch import nn

from compression.data.arrays import Dataset
from compression.errors import SpecError
from compression.evaluation import evaluate
from compression.export import compact
from compression.measure.layers import nonzero
from compression.steps import STEPS
from compression.steps.prune import order, put_in_force
from compression.steps.state import State
from compression.texts import gettext as _

MOST_IMAGES = 1000


def preview(
    model: nn.Module,
    dataset: Dataset,
    steps: Sequence[Mapping[str, Any]],
    *,
    sweep: Literal["sparsity", "bits"],
    values: Sequence[float],
    metadata: Mapping[str, Any],
    most_images: int = MOST_IMAGES,
) -> Iterator[dict[str, Any]]:
    """Yield value, accuracy, size_bytes and nonzero for each value of a knob, the other steps' knobs as they are.

    Steps that train are left out. The accuracy is that of the first validation images, the size exactly that of the compact
    file. The network itself is not touched.

    Args:
        model: on the device of the dataset.
        steps: checked ones, as in a spec.
        sweep: the knob; of the last step that has it, if several do.
        metadata: what the compact file says of the network (`networks.facts_of`).

    Raises:
        SpecError: no step has this knob, or it does not allow a value.
    """
    steps = [step for step in steps if not STEPS[step["name"]].traits.get("trains")]
    target = max((index for index, step in enumerate(steps) if sweep in step), default=None)
    if target is None:
        raise SpecError("sweep", sweep, _("allowed is a setting of one of the steps"))
    start = State(copy.deepcopy(model))
    for step in steps[:target]:
        _apply(start, step)
    apply_at = _swept(start, steps[target], sweep)
    scratch = copy.deepcopy(model).to(memory_format=torch.channels_last)
    for value in values:
        state = start.copy_onto(scratch)
        apply_at(state, value)
        for step in steps[target + 1 :]:
            _apply(state, step)
        yield {"value": value, "accuracy": _accuracy(state.model, dataset, most_images), **_weight(state, metadata)}


def _weight(state: State, metadata: Mapping[str, Any]) -> dict[str, int]:
    return {"size_bytes": compact.size(state.contents(), metadata), "nonzero": nonzero(state.model)}


def _apply(state: State, step: Mapping[str, Any]) -> None:
    STEPS[step["name"]].bind(step)(state)


def _swept(start: State, step: Mapping[str, Any], sweep: str) -> Callable[[State, float], None]:
    """Return what applies the step at a value; pruning sorts the weights once for all values."""
    entry = STEPS[step["name"]]
    knobs = {key: value for key, value in step.items() if key != "name"}
    knob = entry.knobs[sweep]
    if entry.name == "prune":
        kind = {key: value for key, value in entry.check(knobs, "prune").items() if key != sweep}
        ranking = order(start, **kind)
        return lambda state, value: put_in_force(state, ranking.masks(knob.check(value, sweep)))
    return lambda state, value: entry.function(state, **{**knobs, sweep: knob.check(value, sweep)})


def _accuracy(model: nn.Module, dataset: Dataset, most_images: int) -> float:
    return evaluate(model, dataset, images=most_images)["val_accuracy"]
