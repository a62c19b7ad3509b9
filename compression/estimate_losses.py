"""What it costs to compare a student with its teacher, beside the two networks: losses that look inside them."""

import functools
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import torch

from compression.data import DATASETS
from compression.distillation import Batch
from compression.features import layout_of
from compression.measure.cost import Cost, counted
from compression.objective import build_objective
from compression.tasks import task

PAIRS_CACHED = 256
EXAMPLES = 2  # norms need more than one


class Comparison(NamedTuple):
    """What losses compute for one image, and how many numbers of the teacher they look at."""

    cost: Cost
    numbers: int


def comparison(
    loss: Any,
    student: dict[str, Any],
    teacher: dict[str, Any],
    dataset: str,
    teacher_edits: Sequence[Any] = (),
    *,
    teacher_dataset: str | None = None,
) -> Comparison | None:
    """Return what losses cost that look inside two architectures; None of losses on logits, which cost next to nothing.

    Raises:
        SpecError: they cannot compare these two.
    """
    if not build_objective(loss).looks_inside:
        return None
    parts = (json.dumps(part, sort_keys=True) for part in (loss, student, teacher, [*teacher_edits]))
    return _comparison(*parts, dataset, teacher_dataset or dataset)


@functools.lru_cache(maxsize=PAIRS_CACHED)
def _comparison(loss: str, student: str, teacher: str, edits: str, dataset: str, teacher_dataset: str) -> Comparison:
    traits, objective = DATASETS[dataset].traits, build_objective(json.loads(loss))
    layouts = layout_of(json.loads(student), dataset), layout_of(json.loads(teacher), teacher_dataset, json.loads(edits))
    looks = objective.looks(*layouts)
    own, others = (look.probe(traits["classes"])[[0] * EXAMPLES] for look in looks)
    total = objective.total(objective.build(own[:1], others[:1], images=EXAMPLES), task(traits["task"]).loss)
    labels = torch.zeros(EXAMPLES, dtype=torch.int64)
    batch = Batch(torch.zeros(EXAMPLES, *traits["shape"]), labels, labels, step=0)
    found = counted(lambda: total(own, others, batch), EXAMPLES)
    parameters = sum(parameter.numel() for parameter in total.parameters())
    numbers = sum(stage.channels * stage.height * stage.width for stage in looks[1].stages)
    return Comparison(Cost(0, found.kernels, found.macs, found.outputs, parameters), numbers)
