"""What can be timed: a network made ready to answer in one runtime."""

import copy
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from compression.observers.fake_quantize import set_activation_grids


@dataclass(frozen=True)
class Runner:
    """A network in one runtime, as `latency` times it.

    Attributes:
        name: tells it from the others that are timed beside it, such as a role.
        runtime: what computes, and in which numbers; results show it.
        call: answers a batch (B, C, H, W), float32 on the device; called in inference mode, with the threads that count.
    """

    name: str
    runtime: str
    call: Callable[[Tensor], Any]


def eager(name: str, model: nn.Module) -> Runner:
    """Return a network as PyTorch computes it unless people do something about it."""
    return Runner(name, "PyTorch eager, fp32", as_built(model))


def torchscript(name: str, model: nn.Module, shape: tuple[int, ...]) -> Runner:
    """Return a network as a frozen TorchScript graph: norms are folded into convolutions, Python takes no part in a call.

    Args:
        shape: of one example, (C, H, W).
    """
    ready = as_built(model)
    example = torch.zeros(1, *shape, device=next((one.device for one in ready.parameters()), "cpu"))
    with warnings.catch_warnings(), torch.no_grad():
        # Deprecated in favour of torch.compile, which needs a C++ compiler on the machine where it runs.
        warnings.simplefilter("ignore", FutureWarning)
        return Runner(name, "TorchScript frozen, fp32", torch.jit.freeze(torch.jit.trace(ready, example)))


def as_built(model: nn.Module) -> nn.Module:
    """Return a copy in evaluation mode and in the layout of weights that PyTorch gives a network.

    It does not round activations: simulated, that takes time, where a kernel of few bits would save some.
    """
    built = copy.deepcopy(model).to(memory_format=torch.contiguous_format).eval()
    set_activation_grids(built, {})
    return built
