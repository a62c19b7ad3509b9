"""Whether a network's latency depends on its neighbour, and how much of it is PyTorch's eager mode."""

from collections.abc import Iterator

from benchmarks.figures import Figure, ratios, spread
from compression.measure.latency import latency
from compression.measure.runners import eager, torchscript
from compression.models import MODELS

ROUNDS = 9
SHAPE = (1, 8, 8)


def measure() -> Iterator[Figure]:
    """Yield how long networks take beside a large one against beside their copy, and frozen against eager, rounds in turn."""
    large = MODELS["resnet18"].function(SHAPE, 10)
    for width in (2, 16):
        model = MODELS["cnn"].function(SHAPE, 10, width=width)
        pairs = {"copy": eager("copy", model), "large": eager("large", large), "frozen": torchscript("frozen", model, SHAPE)}
        rounds = [
            {name: latency([eager("it", model), other], SHAPE) for name, other in pairs.items()} for _round in range(ROUNDS)
        ]
        beside_copy, beside_large, beside_frozen = (
            [figures[name]["it"]["median"] for figures in rounds] for name in ("copy", "large", "frozen")
        )
        frozen = [figures["frozen"]["frozen"] for figures in rounds]
        yield Figure(
            f"Latency of CNN {width} beside ResNet-18, against beside its copy",
            f"{spread(ratios(beside_large, beside_copy), 'x', 2)}; {spread(beside_copy, 'ms', 3)} beside its copy",
            "0.85x to 1.15x",
            f"digits, one image, one thread; medians of {ROUNDS} rounds in turn",
        )
        yield Figure(
            f"Latency of CNN {width} as {frozen[0]['runtime']}, against PyTorch eager",
            spread(ratios([told["median"] for told in frozen], beside_frozen), "x", 2),
            "",
            f"digits, one image, one thread; medians of {ROUNDS} rounds, both in turn",
        )
