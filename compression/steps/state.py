"""What the steps of a compression pipeline hand on: the network, and what holds for its weights."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from compression.quantization.quantized import Quantized

COMPRESSIBLE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


@dataclass
class State:
    """A network under compression; its parameters always hold the compressed weights.

    Attributes:
        model: the network; steps change its weights in place.
        masks: which weights are kept, by parameter name; layers never pruned are absent.
        quantized: levels and grid, by parameter name; layers never quantized are absent.
        latent: the weights before rounding, from which fine-tuning goes on; only for quantized layers.
        train: trains the network in place for the fine-tuning step, given its knobs; a generator of events.
    """

    model: nn.Module
    masks: dict[str, Tensor] = field(default_factory=dict)
    quantized: dict[str, Quantized] = field(default_factory=dict)
    latent: dict[str, Tensor] = field(default_factory=dict)
    train: Callable[..., Iterator[Any]] | None = None

    def weights(self) -> dict[str, Tensor]:
        """Return the weights that steps compress: those of convolutions and linear layers, each once, in layer order."""
        return {name: parameter.detach() for name, parameter in compressible(self.model).items()}

    def contents(self) -> dict[str, Tensor | Quantized]:
        """Return all that the network's file holds: its tensors by name, quantized ones as levels."""
        parameters = compressible(self.model)
        levels = {parameters[name].data_ptr(): held for name, held in self.quantized.items()}
        return {name: levels.get(tensor.data_ptr(), tensor) for name, tensor in self.model.state_dict().items()}

    @torch.no_grad()
    def write(self, weights: Mapping[str, Tensor]) -> None:
        """Set weights of the network by parameter name."""
        parameters = compressible(self.model)
        for name, weight in weights.items():
            parameters[name].copy_(weight)

    def copy_onto(self, model: nn.Module) -> "State":
        """Return the same state of a copy of the network that differs in its weights at most; these are overwritten."""
        state = replace(self, model=model, masks=dict(self.masks), quantized=dict(self.quantized), latent=dict(self.latent))
        state.write(self.weights())
        return state


def compressible(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the weights of convolutions and linear layers by parameter name; a weight that layers share comes once."""
    found: dict[int, tuple[str, nn.Parameter]] = {}
    for name, module in model.named_modules():
        if isinstance(module, COMPRESSIBLE):
            found.setdefault(id(module.weight), (f"{name}.weight" if name else "weight", module.weight))
    return dict(found.values())


def owners(model: nn.Module, parameter: nn.Parameter) -> list[tuple[nn.Module, str]]:
    """Return every module that holds a parameter, and under which name: more than one where layers share it."""
    return [
        (module, name) for module in model.modules() for name, held in module.named_parameters(recurse=False) if held is parameter
    ]
