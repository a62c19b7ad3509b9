"""How long training takes, from what a network is: predicted before it runs, by figures that runs on this machine correct."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, NamedTuple

import torch
from torch import nn

from compression.autocast import is_native
from compression.evaluation import evaluating
from compression.measure.macs import Watching, macs, macs_of
from compression.precision import BFLOAT16
from compression.recipe import Recipe

BACKWARD_FACTOR = 3
EMULATION_FACTOR = 10  # by which bfloat16 is slower than float32 on a CPU that has no instructions for it


@dataclass(frozen=True)
class Rates:
    """Seconds that a device takes: in a training step for each operation of the network, floating-point operation, number that
    the network's operations write and parameter; without training for each operation, number written and number read.
    """

    kernel: float
    flop: float
    output: float
    parameter: float
    answered_kernel: float
    answered_output: float
    answered_input: float


# One thread of a core, by least relative squares over 69 pairs of network, images and batch. The GPU's are estimates.
RATES = {
    "cpu": Rates(1e-4, 8.3e-12, 4.5e-9, 3e-10, 8e-6, 1.1e-9, 3.7e-9),
    "cuda": Rates(6e-5, 1e-13, 1e-11, 1e-11, 2e-5, 1e-11, 1e-12),
}


@dataclass(frozen=True)
class Cost:
    """What one network costs: for one image its values, operations, multiply-accumulates and numbers written; its parameters."""

    inputs: int
    kernels: int
    macs: int
    outputs: int
    parameters: int

    def step_seconds(self, images: int, device: str) -> float:
        """Return the seconds of one training step on so many images."""
        rates = _rates(device)
        operations = BACKWARD_FACTOR * 2 * self.macs * images
        fixed = rates.kernel * self.kernels + rates.parameter * self.parameters
        return fixed + rates.flop * operations + rates.output * self.outputs * images

    def answer_seconds(self, images: int, device: str, batch_size: int = 1024) -> float:
        """Return the seconds of one pass over images without training."""
        rates = _rates(device)
        batches = -(-images // batch_size)
        each = rates.flop * 2 * self.macs + rates.answered_output * self.outputs + rates.answered_input * self.inputs
        return rates.answered_kernel * self.kernels * batches + each * images

    def training_seconds(self, recipe: Recipe, *, images: int, validation_images: int, device: str) -> float:
        """Return the seconds of a whole training, validation after each epoch included."""
        batch = min(recipe.batch_size, images)
        steps = self.step_seconds(batch, device) * (images // batch) * _slower(recipe.precision, device)
        validation = self.answer_seconds(validation_images, device)
        return recipe.epochs * (steps + validation) + validation


def cost(model: nn.Module, shape: tuple[int, ...]) -> Cost:
    """Return what a network costs for examples of a shape (C, H, W), found by running it once."""
    first = next(model.parameters(), torch.empty(0))
    example, counter = torch.zeros(1, *shape, device=first.device, dtype=first.dtype), _Kernels()
    with torch.no_grad(), evaluating(model), counter:
        model(example)
    inputs = example.numel()
    return Cost(
        inputs, counter.kernels, macs(model, shape), counter.outputs, sum(parameter.numel() for parameter in model.parameters())
    )


class Counted(NamedTuple):
    """Operations, and for one example multiply-accumulates and numbers written."""

    kernels: int
    macs: int
    outputs: int


def counted(compute: Callable[[], Any], examples: int) -> Counted:
    """Return what a computation on so many examples costs, found by doing it twice without gradients."""
    counter = _Kernels()
    with torch.no_grad(), counter:
        compute()
    return Counted(counter.kernels, macs_of(compute) // examples, counter.outputs // examples)


class _Kernels(Watching):
    """Counts the operations that compute something, and the numbers that they write."""

    def __init__(self) -> None:
        super().__init__()
        self.kernels = self.outputs = 0

    def __torch_dispatch__(self, operation: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        result = operation(*args, **(kwargs or {}))
        if not operation.is_view and operation is not torch.ops.aten._unsafe_view.default:
            first = result[0] if isinstance(result, tuple | list) else result
            self.kernels, self.outputs = (
                self.kernels + 1,
                self.outputs + (first.numel() if isinstance(first, torch.Tensor) else 1),
            )
        return result


def _slower(precision: str, device: str) -> int:
    return EMULATION_FACTOR if precision == BFLOAT16 and device.startswith("cpu") and not is_native(device) else 1


def _rates(device: str) -> Rates:
    return RATES["cuda" if device.startswith("cuda") else "cpu"]
