"""Channels that are cut out of a network."""

from collections.abc import Iterator

from torch import nn

from compression.edits import EDITS
from compression.edits.chains import find_chain
from compression.errors import DataError
from compression.steps.state import State
from compression.texts import gettext
from compression.texts import mark as _


@EDITS.register(title=_("Remove channels"), source="Li et al. 2017, arXiv:1608.08710, section 3.1")
def remove_channels(state: State, layer: str, removed: list[int]) -> None:
    """Cuts outputs of a layer out of the network, with their norm and with the inputs of the layers that follow.

    Args:
        layer: a convolution or linear layer, by its name in the network.
        removed: which of its channels, as they are counted now, ascending.

    Raises:
        DataError: no such layer or channels, or channels whose way cannot be followed.
    """
    chain = find_chain(state.model, layer)
    gone = {*removed}
    if removed != sorted(gone) or not gone <= {*range(chain.channels)}:
        sentence = gettext("channels of {layer} are numbered 0 to {last}, and each is named once, in ascending order")
        raise DataError(sentence.format(layer=layer, last=chain.channels - 1))
    if not 0 < len(gone) < chain.channels:
        raise DataError(gettext("of the channels of {layer} one at least has to go, and one to stay").format(layer=layer))
    stay = [channel for channel in range(chain.channels) if channel not in gone]
    state.narrow({cut.name: (cut.axis, list(_entries(stay, cut.block))) for cut in chain.cuts})
    for name in dict.fromkeys(cut.name.rpartition(".")[0] for cut in chain.cuts):
        _note_sizes(state.model.get_submodule(name))


def _entries(channels: list[int], block: int) -> Iterator[int]:
    """Yield where the entries of channels are, each having as many as a block, next to each other."""
    for channel in channels:
        yield from range(channel * block, (channel + 1) * block)


def _note_sizes(module: nn.Module) -> None:
    """Make a module say of itself how large its tensors are now."""
    if isinstance(module, nn.Linear):
        module.out_features, module.in_features = module.weight.shape
    elif hasattr(module, "out_channels"):
        module.out_channels, module.in_channels = module.weight.shape[:2]
    else:
        module.num_features = len(module.weight)
