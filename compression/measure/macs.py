"""Multiply-accumulate operations, counted by running the network once."""

from collections import Counter
from collections.abc import Callable
from typing import Any

import torch
from torch import nn
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from compression.evaluation import evaluating

MACS_WORTH_CHANNELS_LAST = 2e6


def to_fast_layout_(model: nn.Module, shape: tuple[int, ...]) -> int:
    """Store a network's weights in the layout in which it computes fastest, and return its `macs`.

    The layout that convolutions like (channels last) makes large networks up to twice as fast, and tiny ones a little slower.
    """
    operations = macs(model, shape)
    model.to(memory_format=torch.channels_last if operations > MACS_WORTH_CHANNELS_LAST else torch.preserve_format)
    return operations


def macs(model: nn.Module, shape: tuple[int, ...]) -> int:
    """Return the multiply-accumulate operations for one example of a shape (C, H, W)."""
    return sum(macs_by_layer(model, shape).values())


def macs_of(compute: Callable[[], Any]) -> int:
    """Return the multiply-accumulate operations of a computation without gradients."""
    with torch.no_grad(), _Counter() as counter:
        compute()
    return sum(counter.counted.values())


def macs_by_layer(model: nn.Module, shape: tuple[int, ...]) -> dict[str, int]:
    """Return the multiply-accumulate operations for one example, by the name of the module whose own code multiplies.

    Convolutions, linear layers, matrix products and attention count. Norms, activations and biases do not, and zeros count
    like any weight: ordinary kernels multiply by them too.
    """
    counter = _Counter()
    hooks = []
    for name, module in model.named_modules():
        hooks.append(module.register_forward_pre_hook(lambda *_given, name=name: counter.entered.append(name)))
        hooks.append(module.register_forward_hook(lambda *_given: counter.leave(), always_call=True))
    first = next(model.parameters(), torch.empty(0))
    # Attention's fast path is one operation that the registry has no formula for.
    fast_path = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        with torch.no_grad(), evaluating(model), counter:
            model(torch.zeros(1, *shape, device=first.device, dtype=first.dtype))
    finally:
        torch.backends.mha.set_fastpath_enabled(fast_path)
        for hook in hooks:
            hook.remove()
    return dict(counter.counted)


class Watching(TorchDispatchMode):
    """Sees every operation; differs from its base in that torch's compiler, which takes seconds to import, stays unloaded."""

    @classmethod
    def _should_skip_dynamo(cls) -> bool:
        return False


class _Counter(Watching):
    """Counts each operation for the module at work, by PyTorch's own formulas.

    Differs from `torch.utils.flop_counter.FlopCounterMode`: that one hooks every module of the process, other threads' too.
    """

    def __init__(self) -> None:
        super().__init__()
        self.counted: Counter[str] = Counter()
        self.entered: list[str] = [""]

    def leave(self) -> None:
        self.entered.pop()

    def __torch_dispatch__(self, operation: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        result = operation(*args, **kwargs)
        formula = flop_registry.get(operation._overloadpacket)
        if formula is not None:
            self.counted[self.entered[-1]] += formula(*args, **kwargs, out_val=result) // 2
        return result
