"""A network that ends early: after one of its blocks, with a small head."""

from torch import Tensor, nn

from compression.edits import EDITS
from compression.errors import DataError
from compression.steps.channels import blocks
from compression.steps.state import State
from compression.texts import gettext
from compression.texts import mark as _

SIDE = 4  # pixels that a head looks at, each way
MOST_WIDTH = 4096  # files come from strangers, and a head's memory grows with it


class Head(nn.Module):
    """Logits (B, K, 1, 1) of a feature map (B, C, H, W), by a depthwise and a pointwise convolution on its average to 4x4 pixels.

    Args:
        channels: of the map.
        width: of the embedding, which the linear layer is given.
    """

    def __init__(self, channels: int, width: int, classes: int) -> None:
        super().__init__()
        depthwise = nn.Conv2d(channels, channels, 3, padding=1, groups=channels, bias=False)
        narrow = [nn.AdaptiveAvgPool2d(SIDE), depthwise, nn.BatchNorm2d(channels), nn.ReLU()]
        wide = [nn.Conv2d(channels, width, 1, bias=False), nn.BatchNorm2d(width), nn.ReLU()]
        self.embed = nn.Sequential(*narrow, *wide, nn.AdaptiveAvgPool2d(1), nn.Flatten())
        self.classifier = nn.Linear(width, classes)

    def both(self, features: Tensor) -> tuple[Tensor, Tensor]:
        """Return the embedding (B, width) of a feature map and its logits (B, K)."""
        embedding = self.embed(features)
        return embedding, self.classifier(embedding)

    def forward(self, features: Tensor) -> Tensor:
        """Return the logits as maps of one pixel, which the rest of any network flattens."""
        return self.both(features)[1][:, :, None, None]


@EDITS.register(title=_("Early exit"), source="Zhang et al. 2019, arXiv:1905.08094, section 3.1")
def exit_early(state: State, layer: str, width: int) -> None:
    """Ends a network after one of its blocks, in a head that stands in the place of the next block; those after it go.

    Args:
        layer: the block, by its name in the network; what it gives is a feature map.
        width: of the head's embedding.

    Raises:
        DataError: no such block, one whose output is no feature map, the last, a width that is not allowed, or a network that
            is compressed.
    """
    row = list(blocks(state.model, ""))
    names = [name for name, _block in row]
    if layer not in names[:-1]:
        raise DataError(gettext("an exit comes after a block of the network that is not its last"))
    if not 0 < width <= MOST_WIDTH:
        raise DataError(gettext("the embedding of an exit has 1 to {most} numbers").format(most=MOST_WIDTH))
    if state.masks or state.quantized or state.latent:
        raise DataError(gettext("a network that is pruned or quantized takes no exit"))
    before, after = row[: names.index(layer) + 1], row[names.index(layer) + 1 :]
    channels = _channels([module for _name, block in before for module in block.modules()])
    last = [module for _name, block in after for module in block.modules() if isinstance(module, nn.Linear)][-1:]
    if not channels or not last:
        raise DataError(gettext("an exit comes after a block that gives a feature map, and before a linear layer"))
    with last[0].weight.device:
        head = Head(channels, width, last[0].out_features).to(last[0].weight.dtype).train(state.model.training)
    _put(state.model, after[0][0], head)
    for name, block in after[1:]:
        if not isinstance(block, nn.Flatten):
            _put(state.model, name, nn.Identity())


def _channels(modules: list[nn.Module]) -> int:
    """Return how many channels the last of some modules gives; 0 where that is no feature map."""
    if any(isinstance(module, (nn.Linear, nn.Flatten)) for module in modules):
        return 0
    found = [module for module in modules if isinstance(module, (nn.Conv2d, nn.BatchNorm2d))][-1:]
    return sum(len(module.weight) for module in found)


def _put(model: nn.Module, name: str, module: nn.Module) -> None:
    within, _dot, own = name.rpartition(".")
    setattr(model.get_submodule(within), own, module)
