"""How this machine's trainings compare with what was predicted, from the runs that finished on it."""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from compression.runs.records import Run

MOST_RUNS = 60
PRIOR_WEIGHT = 0.5
SAME_NETWORK, SAME_FAMILY, SAME_DATASET, OTHER = 8.0, 3.0, 3.0, 0.3
FORGETTING = 0.95  # how much less each earlier timing weighs
SECONDS_THAT_COUNT = 0.5  # shorter timings weigh less


@dataclass(frozen=True)
class Timing:
    """How many times as long as predicted the trainings of one network took on a dataset, and how many seconds they took."""

    architecture: Mapping[str, Any]
    dataset: str
    ratio: float
    seconds: float


class Pace:
    """Tells how many times as long as predicted trainings take, as those did that were most like them.

    The answer is a weighted geometric mean over the timings: those of the same network count most, then those of its family
    and of its dataset, and the newest more than the older; a little weight lies on the prediction as it is.

    Args:
        runs: finished runs, the newest first; runs without a timing are passed over.
        device: "cpu" or "cuda": timings of other devices do not count.
    """

    def __init__(self, runs: Sequence[Run], device: str = "cpu") -> None:
        self._timings = [timing for run in runs if run.device.startswith(device) for timing in timings(run)][:MOST_RUNS]

    def __call__(self, architecture: Mapping[str, Any], dataset: str) -> float:
        """Return the factor for a network (`name` and knobs) on a dataset."""
        total, weights = 0.0, PRIOR_WEIGHT
        for age, timing in enumerate(self._timings):
            weight = _likeness(timing, architecture, dataset) * FORGETTING**age
            weight *= min(1.0, timing.seconds / SECONDS_THAT_COUNT)
            total, weights = total + weight * math.log(timing.ratio), weights + weight
        return math.exp(total / weights)


def timings(run: Run) -> Iterator[Timing]:
    """Yield what a finished run tells of how long its trainings took; nothing where it tells nothing that makes sense.

    Predictions are those of float32, so that runs for which another precision was asked tell nothing.
    """
    if "precision" in (run.result or {}):
        return
    told, models = (run.result or {}).get("timing"), (run.result or {}).get("models")
    if not isinstance(told, Mapping) or not isinstance(models, Mapping):
        return
    for role, timing in told.items():
        try:
            ratio, seconds = timing["seconds"] / timing["predicted_s"], float(timing["seconds"])
            architecture, dataset = models[role]["architecture"], str(run.spec["dataset"]["name"])
        except (ArithmeticError, KeyError, TypeError):
            continue
        if math.isfinite(ratio) and ratio > 0:
            yield Timing(architecture, dataset, ratio, seconds)


def _likeness(timing: Timing, architecture: Mapping[str, Any], dataset: str) -> float:
    if timing.architecture == architecture:
        likeness = SAME_NETWORK
    else:
        likeness = SAME_FAMILY if timing.architecture.get("name") == architecture.get("name") else 1.0
    return likeness * (SAME_DATASET if timing.dataset == dataset else 1.0) * OTHER
