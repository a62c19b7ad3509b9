"""The pruning step."""

from collections.abc import Mapping
from typing import Annotated, Any

from torch import Tensor

from compression.catalog import Knob
from compression.pruning import PRUNING
from compression.pruning.masks import Granularity, Ranking, Scope, rank
from compression.steps import STEPS
from compression.steps.channels import channel_parameters
from compression.steps.facts import score
from compression.steps.state import State
from compression.texts import mark as _


@STEPS.register(title=_("Prune"), source="Han, Pool, Tran & Dally 2015, arXiv:1506.02626, section 3")
def prune(
    state: State,
    *,
    criterion: Annotated[str | dict, Knob(_("What decides which weights matter"), registry=PRUNING)] = "magnitude",
    sparsity: Annotated[
        float, Knob(_("Share of the weights, or of the channels, that is set to zero"), low=0, high=0.99, step=0.01)
    ] = 0.8,
    granularity: Annotated[
        Granularity, Knob(_("Single weights anywhere, or whole output channels (the output layer keeps all of its)"))
    ] = "weight",
    scope: Annotated[Scope, Knob(_("Share of the whole network, or of every layer"))] = "global",
) -> None:
    """Sets the least important weights of convolutions and linear layers to zero, and keeps them there.

    What earlier steps removed stays removed; a quantized layer keeps its grid, and its weights are ranked as they were before
    rounding. A whole channel goes with its bias and with scale and shift of the norm that follows, so that it emits zero.

    Raises:
        DataError: weights that are not finite numbers, or a criterion that needs training images where there are none.
    """
    ranking = order(state, criterion=criterion, granularity=granularity, scope=scope)
    put_in_force(state, ranking.masks(sparsity))


def order(
    state: State,
    *,
    criterion: str | Mapping[str, Any],
    granularity: Granularity,
    scope: Scope,
    earlier: Mapping[str, Tensor] | None = None,
) -> Ranking:
    """Return the order in which the network's weights would go; sweeps over the sparsity sort once.

    Args:
        earlier: the masks that stay whatever the order, by default all of the state's.
    """
    return rank(
        score(state, criterion),
        granularity=granularity,
        scope=scope,
        earlier=state.masks if earlier is None else earlier,
        followers=channel_parameters(state.model) if granularity == "channel" else None,
    )


def put_in_force(state: State, masks: dict[str, Tensor]) -> None:
    """Set the weights to zero where the masks are False, in whatever form the state holds them."""
    parameters = dict(state.model.named_parameters())
    masks = {name: mask.to(parameters[name].device) for name, mask in masks.items()}
    state.masks |= masks
    state.write({name: parameters[name].detach().masked_fill(~mask, 0) for name, mask in masks.items()})
    state.latent |= {name: weight.masked_fill(~masks[name], 0) for name, weight in state.latent.items() if name in masks}
    state.quantized |= {name: levels.masked(masks[name]) for name, levels in state.quantized.items() if name in masks}
