"""Whether a network's latency depends on its neighbour: the same network timed beside its copy and beside a large one."""

import copy
from collections.abc import Iterator

from benchmarks.figures import Figure, ratios, spread
from compression.measure.latency import latency
from compression.models import MODELS

ROUNDS = 9
SHAPE = (1, 8, 8)


def measure() -> Iterator[Figure]:
    """Yield the ratio of both medians for networks of two sizes, rounds in turn."""
    large = MODELS["resnet18"].function(SHAPE, 10)
    for width in (2, 16):
        model = MODELS["cnn"].function(SHAPE, 10, width=width)
        beside_large, beside_copy = [], []
        for _round in range(ROUNDS):
            beside_copy.append(latency({"it": model, "copy": copy.deepcopy(model)}, SHAPE)["it"]["median"])
            beside_large.append(latency({"it": model, "large": large}, SHAPE)["it"]["median"])
        yield Figure(
            f"Latency of CNN {width} beside ResNet-18, against beside its copy",
            f"{spread(ratios(beside_large, beside_copy), 'x', 2)}; {spread(beside_copy, 'ms', 3)} beside its copy",
            "0.85x to 1.15x",
            f"digits, one image, one thread; medians of {ROUNDS} rounds in turn",
        )
