"""Rounding of layers' inputs while a network answers: simulated, in full precision."""

from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any

from torch import Tensor, nn

from compression.observers.observer import ActivationGrid


@dataclass(frozen=True)
class _FakeQuantize:
    """A forward pre-hook; `copy.deepcopy` of a network copies it, and a `state_dict` knows nothing of it."""

    grid: ActivationGrid

    def __call__(self, _layer: nn.Module, given: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return self.grid.fake_quantize(given[0]), *given[1:]


def set_activation_grids(model: nn.Module, grids: Mapping[str, ActivationGrid]) -> None:
    """Make a network round the inputs of layers from now on, each on its grid, and no other inputs.

    Args:
        grids: by the name of the layer; none makes it compute as it did without.

    Raises:
        AttributeError: there is no such layer.
    """
    layers = {name: model.get_submodule(name) for name in grids}
    for module in model.modules():
        hooks = module._forward_pre_hooks
        for number in [number for number, hook in hooks.items() if isinstance(hook, _FakeQuantize)]:
            del hooks[number]
    for name, layer in layers.items():
        layer.register_forward_pre_hook(_FakeQuantize(grids[name]))


def activation_grids(model: nn.Module) -> dict[str, ActivationGrid]:
    """Return the grids that a network rounds the inputs of its layers on, by the name of the layer."""
    return {
        name: hook.grid
        for name, module in model.named_modules()
        for hook in module._forward_pre_hooks.values()
        if isinstance(hook, _FakeQuantize)
    }


def to_facts(model: nn.Module) -> dict[str, Any]:
    """Return what a network's file says of its grids, JSON-safe; nothing where it has none."""
    grids = {name: asdict(grid) for name, grid in activation_grids(model).items()}
    return {"activations": grids} if grids else {}


def from_facts(model: nn.Module, facts: Mapping[str, Any]) -> None:
    """Make a network round as its file says.

    Raises:
        ValueError: what the file says makes no grids, or is about another network.
    """
    try:
        set_activation_grids(model, {name: ActivationGrid(**grid) for name, grid in facts.get("activations", {}).items()})
    except (AttributeError, TypeError) as error:
        raise ValueError("no grids of this network") from error
