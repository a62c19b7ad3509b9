"""Where the channels of a layer go: the tensors that get narrower with it."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

from torch import fx, nn
from torch.nn.modules.batchnorm import _NormBase

from compression.errors import DataError
from compression.steps.channels import COMPRESSIBLE, module_of, trace
from compression.steps.state import owners
from compression.texts import gettext as _

# All of these give zero for zero, each channel by itself.
POINTWISE = (
    *(nn.Identity, nn.Dropout, nn.Dropout1d, nn.Dropout2d, nn.Dropout3d),
    *(nn.ReLU, nn.ReLU6, nn.LeakyReLU, nn.ELU, nn.CELU, nn.SELU, nn.GELU, nn.SiLU, nn.Mish, nn.Hardswish, nn.Tanh),
)
SPATIAL = (
    *(nn.MaxPool1d, nn.MaxPool2d, nn.MaxPool3d, nn.AvgPool1d, nn.AvgPool2d, nn.AvgPool3d, nn.Upsample, nn.ZeroPad2d),
    *(nn.AdaptiveAvgPool1d, nn.AdaptiveAvgPool2d, nn.AdaptiveAvgPool3d, nn.AdaptiveMaxPool1d, nn.AdaptiveMaxPool2d),
)


@dataclass(frozen=True)
class Cut:
    """A tensor that has entries of each channel along one axis.

    Attributes:
        name: in the network's `state_dict`.
        block: how many entries a channel has, next to each other: the pixels of its map, where the map was flattened.
    """

    name: str
    axis: int
    block: int = 1


@dataclass(frozen=True)
class Chain:
    """What gets narrower with a layer.

    Attributes:
        channels: how many outputs the layer has.
        cuts: the layer's own tensors, those of the norms that follow, and the weights of the next layers; its weight first.
    """

    channels: int
    cuts: tuple[Cut, ...]


def find_chain(model: nn.Module, layer: str) -> Chain:
    """Return where the channels of a layer go, as a trace of the network has it, up to the next convolutions or linear layers.

    Between may lie norms over the batch, activations that leave zero as it is, pooling and flattening.

    Raises:
        DataError: there is no such layer, or its channels go elsewhere.
    """
    graph = trace(model)
    uses = Counter(node.target for node in graph.nodes if node.op == "call_module")
    found = [node for node in graph.nodes if node.op == "call_module" and node.target == layer]
    module = module_of(model, found[0]) if found else None
    if not isinstance(module, COMPRESSIBLE):
        raise DataError(_("the network has no convolution or linear layer {layer}").format(layer=layer[:80]))
    channels = len(module.weight)
    cuts = [*_own(layer, module), *_Following(model, layer, channels).tensors(found[0], flat=isinstance(module, nn.Linear))]
    for part in dict.fromkeys(cut.name.rpartition(".")[0] for cut in cuts):
        shared = any(len(owners(model, tensor)) > 1 for tensor in model.get_submodule(part).parameters(recurse=False))
        if uses[part] > 1 or shared or getattr(model.get_submodule(part), "groups", 1) > 1:
            sentence = _("the channels of {layer} cannot be followed: {part} is used twice, or works on groups of channels")
            raise DataError(sentence.format(layer=layer, part=part))
    return Chain(channels, tuple(cuts))


def _own(name: str, module: nn.Module) -> Iterator[Cut]:
    """Yield the tensors of a layer or a norm that have an entry a channel along their first axis."""
    for key, tensor in module.state_dict().items():
        if tensor.dim():
            yield Cut(f"{name}.{key}", 0)


@dataclass(frozen=True)
class _Following:
    """What comes after a layer."""

    model: nn.Module
    layer: str
    channels: int

    def tensors(self, node: fx.Node, *, flat: bool) -> Iterator[Cut]:
        """Yield the tensors after a node of the graph that have entries of the layer's channels.

        Args:
            flat: whether the channels are the features of vectors, not maps.
        """
        for user in node.users:
            module, name = module_of(self.model, user), str(user.target)
            size = _size(module, flat=flat)
            if size and size % self.channels == 0 and (flat or size == self.channels):
                norm, block = isinstance(module, _NormBase), size // self.channels
                cuts = _own(name, module) if norm else [Cut(f"{name}.weight", 1)]
                yield from (Cut(cut.name, cut.axis, block) for cut in cuts)
                if norm:
                    yield from self.tensors(user, flat=flat)
            elif isinstance(module, nn.Flatten) and (module.start_dim, module.end_dim) == (1, -1):
                yield from self.tensors(user, flat=True)
            elif isinstance(module, POINTWISE) or (isinstance(module, SPATIAL) and not flat):
                yield from self.tensors(user, flat=flat)
            else:
                where = _("the output") if user.op == "output" else getattr(user.target, "__name__", name)
                sentence = _("the channels of {layer} go to {part}, where they cannot be followed in this version")
                raise DataError(sentence.format(layer=self.layer, part=where))


def _size(module: nn.Module | None, *, flat: bool) -> int:
    """Return how many channels, or features of a vector, a module takes that has tensors for them; 0 for all others."""
    if isinstance(module, _NormBase):
        return module.num_features if module.affine else 0
    if isinstance(module, nn.Linear):
        return module.in_features if flat else 0
    return module.in_channels if isinstance(module, COMPRESSIBLE) and not flat else 0
