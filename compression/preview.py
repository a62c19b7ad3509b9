"""Compression before recovery: accuracy and file size over a knob, at once and without training."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any, Literal

import torch

from compression import networks
from compression.errors import SpecError
from compression.evaluation import evaluate
from compression.export import compact
from compression.measure.layers import nonzero
from compression.networks import Network
from compression.steps import STEPS
from compression.steps.at_once import at_once
from compression.steps.prune import order, put_in_force
from compression.steps.state import State
from compression.texts import gettext as _

MOST_IMAGES = 1000


def preview(
    network: Network,
    steps: Sequence[Mapping[str, Any]],
    *,
    sweep: Literal["sparsity", "bits"],
    values: Sequence[float],
    most_images: int = MOST_IMAGES,
) -> Iterator[dict[str, Any]]:
    """Yield value, accuracy, size_bytes and nonzero for each value of a knob, the other steps' knobs as they are.

    Steps that train are left out; one that prunes meanwhile prunes at once. The accuracy is that of the first validation
    images, the size exactly that of the compact file. The network itself is not touched.

    Args:
        network: on the device of its data.
        steps: checked ones, as in a spec.
        sweep: the knob; of the last step that has it, if several do.

    Raises:
        SpecError: no step has this knob, or it does not allow a value.
    """
    steps, target = _at_once(steps, sweep)
    start = networks.state_of(network)
    for step in steps[:target]:
        STEPS[step["name"]].bind(step)(start)
    apply_at = _swept(start, steps[target], sweep)
    start.model.to(memory_format=torch.channels_last)
    for value in values:
        state = start.copy()
        apply_at(state, value)
        for step in steps[target + 1 :]:
            STEPS[step["name"]].bind(step)(state)
        knob = STEPS[steps[target]["name"]].knobs[sweep]
        applied = [*steps[:target], {**steps[target], sweep: knob.check(value, sweep)}, *steps[target + 1 :]]
        yield {
            "value": value,
            "accuracy": evaluate(state.model, network.data, images=most_images)["val_accuracy"],
            "size_bytes": compact.size(state.contents(), networks.compressed_facts(network.facts, applied, state)),
            "nonzero": nonzero(state.model),
        }


def _at_once(steps: Sequence[Mapping[str, Any]], sweep: str) -> tuple[list[Mapping[str, Any]], int]:
    """Return what the steps do without training, and the position of the last one that has the knob."""
    steps = at_once(steps)
    target = max((index for index, step in enumerate(steps) if sweep in step), default=None)
    if target is None:
        raise SpecError("sweep", sweep, _("allowed is a setting of one of the steps"))
    return steps, target


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
