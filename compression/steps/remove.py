"""The step that takes pruned channels out of the network."""

from collections.abc import Mapping, Sequence
from typing import Any

from torch import Tensor, nn

from compression.edits.chains import Chain, find_chain
from compression.edits.replay import apply
from compression.errors import DataError
from compression.steps import STEPS
from compression.steps.state import GROUPED, State, compressible
from compression.texts import gettext
from compression.texts import mark as _


def removable(model: nn.Module) -> None:
    """Make sure that channels of every layer but the output layer can be removed.

    Raises:
        DataError: those of a layer cannot.
    """
    for name in list(compressible(model))[:-1]:
        find_chain(model, name.removesuffix(".weight"))


def follows(earlier: Sequence[Mapping[str, Any]]) -> None:
    """Make sure that after earlier steps channels can be removed.

    Raises:
        DataError: weights are quantized in runs that cross the inputs which would go.
    """
    quantized = [step for step in earlier if step.get("name") == "quantize"]
    if quantized and isinstance(quantized[-1].get("group"), int) and any(step.get("sparsity") for step in earlier):
        raise DataError(gettext(GROUPED))


@STEPS.register(
    title=_("Remove pruned channels"),
    source="Li et al. 2017, arXiv:1608.08710, section 3.1",
    fits=removable,
    follows=follows,
    after={"granularity": "channel"},
)
def remove(state: State) -> None:
    """Takes channels that pruning silenced out of the network, with their norm and the next layer's inputs: it gets faster.

    The network answers as it did with zeros in their place, and is smaller for good: what follows trains and rounds the
    smaller one. A channel that still adds a constant stays.

    Raises:
        DataError: the channels' way through the network cannot be followed, or its weights are quantized in groups.
    """
    for name in list(state.weights())[:-1]:
        if name in state.masks and not state.masks[name].flatten(1).any(1).all():
            try:
                _remove_from(state, name.removesuffix(".weight"))
            except DataError as error:
                raise DataError(gettext("Channels cannot be removed: {reason}.").format(reason=error)) from error


def _remove_from(state: State, layer: str) -> None:
    silent = _silent(state, find_chain(state.model, layer))
    if silent.all():
        silent[0] = False
    if silent.any():
        apply(state, {"name": "remove_channels", "layer": layer, "removed": silent.nonzero()[:, 0].tolist()})


def _silent(state: State, chain: Chain) -> Tensor:
    """Return which channels of a layer emit exactly zero because they were pruned, bool."""
    parameters = dict(state.model.named_parameters())
    weight, *others = [cut for cut in chain.cuts if cut.axis == 0 and cut.name in parameters]
    silent = ~state.masks[weight.name].flatten(1).any(1)
    for cut in others:
        silent &= ~parameters[cut.name].detach().view(chain.channels, -1).any(1)
    return silent.cpu()
