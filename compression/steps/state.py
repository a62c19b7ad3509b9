"""What the steps of a compression pipeline hand on: the network, and what holds for its weights."""

import copy
from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import torch
from torch import Tensor, nn

from compression.data.arrays import Dataset
from compression.errors import DataError
from compression.quantization.quantized import Quantized
from compression.steps.channels import COMPRESSIBLE, channel_parameters
from compression.texts import gettext as _
from compression.texts import mark

GROUPED = mark("weights are quantized in groups across their inputs: remove first, or quantize by channel or layer")


@dataclass
class State:
    """A network under compression; its parameters always hold the compressed weights.

    Attributes:
        model: the network; steps change its weights in place, how it rounds the inputs of its layers, and edits its layers.
        masks: which weights stay, by parameter name; layers never pruned are absent. Where whole channels went, also those of
            the biases and norms that go with them.
        quantized: levels and grid, by parameter name; layers never quantized are absent.
        latent: the weights before rounding, which pruning ranks and from which fine-tuning goes on; only for quantized layers.
        data: what the network is used on, for criteria that look at training images; inputs normalized as it takes them.
        train: trains the network in place for a step: `train(changes, objective=None, after_step=None, penalty=None,
            stop_when=None)`, a generator of events. `changes` are settings of the recipe (`epochs`, `lr`), `objective` a
            distillation loss of the spec with the original as the teacher, the others those of `Hooks`.
        file_bytes: the size that the compact file of a state would have after the steps that follow, with the given facts
            beside its own; what these would train is left out.
        edits: how the network's structure differs from its architecture's, JSON-safe, in order; see `edits/replay.py`.
        stopped: where a step stopped before its end: `epoch` of its network, `epochs` trained, `until`, why (a target's name or a
            few words), and where it was pruning `sparsity`. Of several steps the last one's.
    """

    model: nn.Module
    masks: dict[str, Tensor] = field(default_factory=dict)
    quantized: dict[str, Quantized] = field(default_factory=dict)
    latent: dict[str, Tensor] = field(default_factory=dict)
    data: Dataset | None = None
    train: Callable[..., Generator[Any, None, Any]] | None = None
    file_bytes: Callable[["State", Mapping[str, Any]], int] | None = None
    edits: Sequence[Mapping[str, Any]] = ()
    stopped: dict[str, Any] | None = None

    @classmethod
    def from_contents(cls, model: nn.Module, contents: Mapping[str, Tensor | Quantized]) -> "State":
        """Return the state of a network that was read from a file, so that further steps keep its masks and grids.

        Pruned weights stay zero, and so do biases and norms of removed channels. What the weights were before rounding is
        not in a file: the rounded ones take their place.

        Args:
            model: with the weights of the file.
            contents: what the file holds, as `compact.read_contents` gives it; tensors alone where nothing is quantized.
        """
        state = cls(model)
        for name, weight in state.weights().items():
            found = contents.get(name)
            if isinstance(found, Quantized):
                state.quantized[name] = found.to(weight.device)
                state.latent[name] = weight.clone()
            if (not isinstance(found, Quantized) or found.pruned) and not weight.all():
                state.masks[name] = weight != 0
        channels = {name: mask.flatten(1).any(1) for name, mask in state.masks.items()}
        thinned = {name: stay for name, stay in channels.items() if not stay.all()}
        followers, parameters = channel_parameters(model) if thinned else {}, dict(model.named_parameters())
        for name, stay in thinned.items():
            if not any(parameters[other][~stay].any() for other in followers.get(name, [])):
                state.masks |= dict.fromkeys(followers.get(name, []), stay)
        return state

    def weights(self) -> dict[str, Tensor]:
        """Return the weights that steps compress: those of convolutions and linear layers, each once, in layer order."""
        return {name: parameter.detach() for name, parameter in compressible(self.model).items()}

    def unrounded(self) -> dict[str, Tensor]:
        """Return the same weights as they were before rounding, where they are known."""
        return self.weights() | self.latent

    def contents(self) -> dict[str, Tensor | Quantized]:
        """Return all that the network's file holds: its tensors by name, quantized ones as levels."""
        parameters = compressible(self.model)
        levels = {
            parameters[name].data_ptr(): replace(quantized, pruned=name in self.masks and not bool(self.masks[name].all()))
            for name, quantized in self.quantized.items()
        }
        return {name: levels.get(tensor.data_ptr(), tensor) for name, tensor in self.model.state_dict().items()}

    @torch.no_grad()
    def write(self, values: Mapping[str, Tensor]) -> None:
        """Set parameters of the network by name."""
        parameters = dict(self.model.named_parameters())
        for name, value in values.items():
            parameters[name].copy_(value)

    def copy(self) -> "State":
        """Return a state that goes its own way, with a copy of the network."""
        held = {"masks": dict(self.masks), "quantized": dict(self.quantized), "latent": dict(self.latent)}
        return replace(self, model=copy.deepcopy(self.model), **held)

    @torch.no_grad()
    def narrow(self, entries: Mapping[str, tuple[int, Sequence[int]]]) -> None:
        """Leave of tensors of the network, and of all that holds for them, some entries; masks that then remove nothing go.

        Args:
            entries: by the tensor's name in the network's `state_dict`: along which axis, and which entries stay.

        Raises:
            DataError: a weight is quantized in runs that cross its inputs; nothing is changed then.
        """
        device = next(self.model.parameters()).device
        cuts = {name: (axis, torch.tensor(stay, device=device)) for name, (axis, stay) in entries.items()}
        try:
            levels = {name: self.quantized[name].narrowed(*cuts[name]) for name in cuts.keys() & self.quantized.keys()}
        except ValueError as error:
            raise DataError(_(GROUPED)) from error
        for name, (axis, stay) in cuts.items():
            module, _dot, own = name.rpartition(".")
            owner = self.model.get_submodule(module)
            tensor = getattr(owner, own)
            narrowed = tensor.index_select(axis, stay)
            is_parameter = isinstance(tensor, nn.Parameter)
            setattr(owner, own, nn.Parameter(narrowed, tensor.requires_grad) if is_parameter else narrowed)
            for held in (self.masks, self.latent):
                if name in held:
                    held[name] = held[name].index_select(axis, stay)
        self.quantized |= levels
        self.masks = {name: mask for name, mask in self.masks.items() if name not in cuts or not mask.all()}


def compressible(model: nn.Module) -> dict[str, nn.Parameter]:
    """Return the weights of convolutions and linear layers by parameter name; a weight that layers share comes once."""
    found: dict[int, tuple[str, nn.Parameter]] = {}
    for name, module in model.named_modules():
        if isinstance(module, COMPRESSIBLE):
            found.setdefault(id(module.weight), (f"{name}.weight" if name else "weight", module.weight))
    return dict(found.values())


def owners(model: nn.Module, parameter: nn.Parameter) -> list[tuple[nn.Module, str]]:
    """Return every module that has a parameter, and under which name: more than one where layers share it."""
    return [
        (module, name) for module in model.modules() for name, own in module.named_parameters(recurse=False) if own is parameter
    ]
