"""Whether latency depends on the neighbour, how much of it is PyTorch's eager mode, and what removed channels save of it."""

import copy
from collections.abc import Iterator

from benchmarks.figures import Figure, ratios, spread
from compression.measure.latency import latency
from compression.measure.macs import macs
from compression.measure.runners import eager, torchscript
from compression.models import MODELS
from compression.steps import STEPS
from compression.steps.state import State

ROUNDS = 9
SHAPE, LARGER = (1, 8, 8), (1, 28, 28)


def measure() -> Iterator[Figure]:
    """Yield what latency depends on, and what shortens it."""
    yield from _beside_others()
    yield from _channels()


def _channels() -> Iterator[Figure]:
    """Yield how long a network takes whose channels are zero, and one from which they were removed, against the whole one."""
    whole = MODELS["cnn"].function(LARGER, 10, width=32)
    masked = State(copy.deepcopy(whole))
    STEPS["prune"].function(masked, sparsity=0.5, granularity="channel", scope="layer")
    removed = masked.copy()
    STEPS["remove"].function(removed)
    networks = {"whole": whole, "masked": masked.model, "removed": removed.model}
    fewer = macs(whole, LARGER) / macs(removed.model, LARGER)
    for batch_size in (1, 32):
        runners = [eager(name, model) for name, model in networks.items()]
        rounds = [latency(runners, LARGER, batch_size=batch_size) for _round in range(ROUNDS)]
        took = {name: [figures[name]["median"] for figures in rounds] for name in networks}
        for name, target in (("masked", "about 1x"), ("removed", f"1x to {fewer:.1f}x, as MACs")):
            yield Figure(
                f"Time of CNN 32 against the same with half of its channels {name}, {batch_size} images",
                f"{spread(ratios(took['whole'], took[name]), 'x', 2)}; {spread(took[name], 'ms', 3)}",
                target,
                f"28x28, one thread; medians of {ROUNDS} rounds in turn",
            )


def _beside_others() -> Iterator[Figure]:
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
