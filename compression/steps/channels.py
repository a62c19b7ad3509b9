"""What belongs to an output channel besides its weights."""

import copy
import functools
import itertools
from collections.abc import Iterator
from typing import Any

from torch import fx, nn
from torch.nn.modules.batchnorm import _NormBase

from compression.errors import DataError
from compression.texts import gettext as _

COMPRESSIBLE = (nn.Linear, nn.Conv1d, nn.Conv2d, nn.Conv3d)
NORMS = (_NormBase, nn.GroupNorm, nn.LayerNorm)


def channel_parameters(model: nn.Module) -> dict[str, list[str]]:
    """Return for each weight of a convolution or linear layer the parameters that a removed channel takes with it.

    These are the layer's bias, and scale and shift of the norm that its output goes to: without them a channel whose weights
    are zero still adds a constant. Which norm that is, is read from a trace of the network.

    Returns:
        By the weight's parameter name, the others' names; each has an entry a channel.

    Raises:
        DataError: the network's `forward` cannot be traced.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    found: dict[str, dict[str, None]] = {}
    for layer, norms in _layers(model):
        parameters = [layer.bias, *(parameter for norm in norms for parameter in (norm.weight, norm.bias))]
        fitting = [names[id(one)] for one in parameters if one is not None and one.shape == layer.weight.shape[:1]]
        found.setdefault(names[id(layer.weight)], {}).update(dict.fromkeys(fitting))
    return {name: list(others) for name, others in found.items()}


def following_norms(model: nn.Module) -> dict[str, list[nn.Module]]:
    """Return for each weight of a convolution or linear layer the normalizations that its output goes to.

    Raises:
        DataError: the network's `forward` cannot be traced.
    """
    names = {id(parameter): name for name, parameter in model.named_parameters()}
    return {names[id(layer.weight)]: norms for layer, norms in _layers(model)}


def _layers(model: nn.Module) -> Iterator[tuple[nn.Module, list[nn.Module]]]:
    """Yield each use of a convolution or linear layer with the norms that follow it."""
    for node in trace(model).nodes:
        layer = module_of(model, node)
        if isinstance(layer, COMPRESSIBLE):
            yield layer, [norm for user in node.users if isinstance(norm := module_of(model, user), NORMS)]


def blocks(module: nn.Module, name: str) -> Iterator[tuple[str, nn.Module]]:
    """Yield the blocks that a network is a row of, by name."""
    if name and not isinstance(module, nn.Sequential):
        yield name, module
        return
    for own, child in module.named_children():
        yield from blocks(child, f"{name}.{own}" if name else own)


def trace(model: nn.Module) -> fx.Graph:
    """Return the graph of a network's layers, whatever hooks do to their inputs and outputs.

    Differs from `torch.fx.Tracer.trace`: that one replaces the call of every module of the process meanwhile, so that
    networks which other threads run break.

    Raises:
        DataError: the network's `forward` cannot be traced.
    """
    tensors = itertools.chain(model.parameters(), model.buffers())
    copied = copy.deepcopy(model, {id(tensor): tensor for tensor in tensors})  # other modules with the same tensors
    tracer = fx.Tracer()
    tracer.root, tracer.graph = copied, fx.Graph()
    for name, module in copied.named_modules():
        module._forward_pre_hooks.clear()
        module._forward_hooks.clear()
        if name and tracer.is_leaf_module(module, name):
            module.forward = functools.partial(_call, tracer, name)
    try:
        answer = copied.forward(tracer.create_proxy("placeholder", "inputs", (), {}))
        tracer.create_node("output", "output", (tracer.create_arg(answer),), {})
        return tracer.graph
    except Exception as error:  # tracing runs the network's own code, which may raise anything
        sentence = _("Whole channels cannot be removed from this network, whose layers cannot be traced; prune single weights.")
        raise DataError(sentence) from error


def _call(tracer: fx.Tracer, name: str, *given: Any, **named: Any) -> fx.Proxy:
    return tracer.create_proxy("call_module", name, given, named)


def module_of(model: nn.Module, node: fx.Node) -> nn.Module | None:
    """Return the layer that a node of the graph stands for; None where it is no layer."""
    return model.get_submodule(node.target) if node.op == "call_module" else None
