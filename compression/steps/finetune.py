"""The fine-tuning step."""

from collections.abc import Generator, Iterator
from contextlib import contextmanager
from typing import Annotated, Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from compression.catalog import Knob
from compression.distillation import DISTILLATION
from compression.quantization.quantized import Quantized
from compression.steps import STEPS
from compression.steps.state import State, owners
from compression.texts import mark as _


@STEPS.register(
    title=_("Fine-tune"),
    source="Han et al. 2015, arXiv:1506.02626, section 3; Bengio, Léonard & Courville 2013, arXiv:1308.3432, section 4",
    trains=True,
)
def finetune(
    state: State,
    *,
    epochs: Annotated[int, Knob(_("Passes over the training images"), low=1, high=300, step=1, unit="epochs")] = 5,
    lr: Annotated[float, Knob(_("Learning rate: the size of a step"), low=1e-5, high=2)] = 0.01,
    loss: Annotated[
        dict | None,
        Knob(_("A distillation loss with the original network as the teacher, or the labels alone"), registry=DISTILLATION),
    ] = None,
) -> Generator[Any, None, Any]:
    """Trains on, with what earlier steps did in force: pruned weights stay zero, quantized ones on their grid.

    The gradient passes through the rounding unchanged, and stops where a weight lies beyond the grid's ends.
    """
    with in_force(state):
        return (yield from state.train(epochs=epochs, lr=lr, loss=loss))


@contextmanager
def in_force(state: State) -> Iterator[None]:
    """Make the network compute with masked and rounded weights while others are trained beneath; then set them for good."""
    constraints = {
        name: (owners(state.model, parameter), _InForce(state.masks.get(name), state.quantized.get(name)))
        for name, parameter in state.model.named_parameters()
        if name in state.masks or name in state.quantized
    }
    constrained = [(module, attribute, rule) for modules, rule in constraints.values() for module, attribute in modules]
    orders = [(module, dict(module.named_parameters(recurse=False))) for module, _attribute, _rule in constrained]
    state.write(state.latent)
    for module, attribute, rule in constrained:
        parametrize.register_parametrization(module, attribute, rule, unsafe=True)
    try:
        yield
    finally:
        for module, attribute, _rule in constrained:
            parametrize.remove_parametrizations(module, attribute, leave_parametrized=False)
        _reorder(orders)
        _write_constrained(state)


def _reorder(orders: list[tuple[nn.Module, dict[str, nn.Parameter]]]) -> None:
    """Register modules' parameters anew in their first order, which parametrizations change and files follow."""
    for module, parameters in orders:
        for name, parameter in parameters.items():
            delattr(module, name)
            setattr(module, name, parameter)


def _write_constrained(state: State) -> None:
    """Set the network's parameters to what masks and grids make of those that were trained."""
    trained = {name: parameter.detach() for name, parameter in state.model.named_parameters()}
    values = {name: trained[name].masked_fill(~mask, 0) for name, mask in state.masks.items()}
    state.latent = {name: values.get(name, trained[name]).clone() for name in state.quantized}
    state.quantized = {name: grid.nearest(state.latent[name]) for name, grid in state.quantized.items()}
    state.write(values | {name: levels.dequantize() for name, levels in state.quantized.items()})


class _InForce(nn.Module):
    def __init__(self, mask: Tensor | None, grid: Quantized | None) -> None:
        super().__init__()
        self.mask, self.grid = mask, grid

    def forward(self, weight: Tensor) -> Tensor:
        if self.mask is not None:
            weight = weight * self.mask
        return weight if self.grid is None else _Round.apply(weight, self.grid)


class _Round(torch.autograd.Function):
    @staticmethod
    def forward(context: Any, weight: Tensor, grid: Quantized) -> Tensor:
        rounded = grid.nearest(weight).dequantize()
        context.save_for_backward(grid.covers(weight))
        return rounded

    @staticmethod
    def backward(context: Any, gradient: Tensor) -> tuple[Tensor, None]:
        (inside,) = context.saved_tensors
        return gradient * inside, None
