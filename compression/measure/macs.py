"""Multiply-accumulate operations, counted by running the network once."""

import math
from typing import Any

import torch
from torch import Tensor, nn

MULTIPLYING = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)


def macs(model: nn.Module, shape: tuple[int, ...]) -> int:
    """Return the multiply-accumulate operations for one example of a shape (C, H, W)."""
    return sum(macs_by_layer(model, shape).values())


def macs_by_layer(model: nn.Module, shape: tuple[int, ...]) -> dict[str, int]:
    """Return the multiply-accumulate operations of each convolution and linear layer for one example.

    Norms, activations and biases are not counted, and zeros count like any weight: ordinary kernels multiply by them too.
    """
    counted: dict[str, int] = {}

    def count(name: str) -> Any:
        def hook(module: nn.Module, _inputs: tuple[Tensor, ...], output: Tensor) -> None:
            counted[name] = counted.get(name, 0) + output.numel() * math.prod(module.weight.shape[1:])

        return hook

    layers = [(name, module) for name, module in model.named_modules() if isinstance(module, MULTIPLYING)]
    hooks = [module.register_forward_hook(count(name)) for name, module in layers]
    training = {module: module.training for module in model.modules()}
    first = next(model.parameters(), torch.empty(0))
    try:
        with torch.inference_mode():
            model.eval()(torch.zeros(1, *shape, device=first.device, dtype=first.dtype))
    finally:
        for module, was_training in training.items():
            module.training = was_training
        for hook in hooks:
            hook.remove()
    return counted
