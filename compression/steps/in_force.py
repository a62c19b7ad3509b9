"""Training with masks and levels in force: the network computes with compressed weights while others are trained beneath."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn.utils import parametrize

from compression.quantization.quantized import Quantized
from compression.steps.state import State, owners


@dataclass(frozen=True)
class Constraints:
    """What is in force, by parameter name.

    Attributes:
        trained: the weights beneath, unpruned and unrounded.
        masks: which weights stay; what is written into them holds from the next step on, and is part of checkpoints.
    """

    trained: dict[str, nn.Parameter]
    masks: dict[str, Tensor]


@contextmanager
def in_force(state: State, *, moving: bool = False) -> Iterator[Constraints]:
    """Make the network compute with masked and rounded weights while others are trained beneath; then set them for good.

    Args:
        moving: whether the masks will change.
    """
    constraints = {
        name: (owners(state.model, parameter), _InForce(state.masks.get(name), state.quantized.get(name), moving))
        for name, parameter in state.model.named_parameters()
        if name in state.masks or name in state.quantized
    }
    constrained = [(module, attribute, rule) for modules, rule in constraints.values() for module, attribute in modules]
    orders = [(module, dict(module.named_parameters(recurse=False))) for module, _attribute, _rule in constrained]
    state.write(state.latent)
    for module, attribute, rule in constrained:
        parametrize.register_parametrization(module, attribute, rule, unsafe=True)
    places = {name: modules[0] for name, (modules, _rule) in constraints.items()}
    trained = {name: module.parametrizations[attribute].original for name, (module, attribute) in places.items()}
    masks = {name: rule.mask for name, (_modules, rule) in constraints.items() if rule.mask is not None}
    try:
        yield Constraints(trained, masks)
    finally:
        state.masks |= masks
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
    def __init__(self, mask: Tensor | None, grid: Quantized | None, moving: bool) -> None:
        super().__init__()
        self.register_buffer("mask", mask.clone() if moving and mask is not None else mask, persistent=moving)
        self.grid = grid

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
