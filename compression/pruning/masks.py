"""From scores to masks: which weights go at a given sparsity."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor

from compression.errors import DataError, SpecError
from compression.texts import gettext as _

Granularity = Literal["weight", "channel"]
Scope = Literal["global", "layer"]


@dataclass(frozen=True)
class Ranking:
    """The order in which weights or channels go, sorted once; a mask at any sparsity is then one comparison.

    Attributes:
        ranks: for each layer, the rank of each unit in the order in which they go, shaped to broadcast over the weight.
        units: for each layer, how many units its order has (those of the whole network when the scope is global).
        removable: for each layer, how many of these may go.
        shapes: the weights' shapes.
        earlier: masks already in force; what they removed stays removed.
        followers: for each layer, the other parameters that a channel takes with it.
    """

    ranks: Mapping[str, Tensor]
    units: Mapping[str, int]
    removable: Mapping[str, int]
    shapes: Mapping[str, torch.Size]
    earlier: Mapping[str, Tensor]
    followers: Mapping[str, Sequence[str]]

    def masks(self, sparsity: float) -> dict[str, Tensor]:
        """Return for each layer which weights stay, as booleans of the weight's shape, and so for what goes with channels.

        Exactly round(sparsity x units) units are removed, unless the last channel of a layer would be among them.

        Raises:
            SpecError: a sparsity outside 0 to 1.
        """
        if not 0 <= sparsity <= 1:
            raise SpecError("sparsity", sparsity, _("allowed is a number from 0 to 1"))
        masks = {}
        for name, shape in self.shapes.items():
            if name in self.ranks:
                removed = min(round(sparsity * self.units[name]), self.removable[name])
                mask = (self.ranks[name] >= removed).expand(shape)
            else:
                mask = torch.ones(shape, dtype=torch.bool)
            masks[name] = mask & self.earlier[name] if name in self.earlier else mask.contiguous()
        for name, others in self.followers.items():
            stay = masks[name].flatten(1).any(1)
            masks |= {} if stay.all() else dict.fromkeys(others, stay)
        return masks


def make_masks(
    scores: Mapping[str, Tensor],
    *,
    sparsity: float,
    granularity: Granularity = "weight",
    scope: Scope = "global",
    earlier: Mapping[str, Tensor] | None = None,
) -> dict[str, Tensor]:
    """Return for each layer which weights are kept; see `rank`.

    Raises:
        DataError: scores that are not finite numbers.
        SpecError: a sparsity outside 0 to 1.
    """
    return rank(scores, granularity=granularity, scope=scope, earlier=earlier).masks(sparsity)


def rank(
    scores: Mapping[str, Tensor],
    *,
    granularity: Granularity = "weight",
    scope: Scope = "global",
    earlier: Mapping[str, Tensor] | None = None,
    followers: Mapping[str, Sequence[str]] | None = None,
) -> Ranking:
    """Return the order in which units go: lowest score first, ties by layer and position.

    With channels (a weight's first dimension), the score is the mean over the channel, the last layer keeps all its rows
    since each is a class, and every layer keeps its best channel, without which nothing would pass.

    Args:
        scores: what a criterion gave each weight, by layer, in the order of the layers, the output layer last; the highest stay.
        granularity: remove single weights or whole channels.
        scope: compare units of the whole network, or within each layer.
        earlier: masks already in force, True where weights stay.
        followers: for each layer, other parameters that a whole channel takes with it.

    Raises:
        DataError: scores that are not finite numbers.
    """
    earlier = {name: mask.cpu() for name, mask in (earlier or {}).items()}
    shapes = {name: layer.shape for name, layer in scores.items()}
    scores = {name: _finite(name, layer) for name, layer in scores.items()}
    if granularity == "channel":
        scores = {name: _channel_scores(layer, earlier.get(name)) for name, layer in list(scores.items())[:-1]}
    else:
        scores = {name: _removed_first(layer, earlier.get(name)) for name, layer in scores.items()}
    removable = {name: layer.numel() - (granularity == "channel") for name, layer in scores.items()}
    if scope == "global":
        ranks = dict(zip(scores, _ranks(list(scores.values())), strict=True))
        units = dict.fromkeys(scores, sum(layer.numel() for layer in scores.values()))
        removable = dict.fromkeys(scores, sum(removable.values()))
    else:
        ranks = {name: _ranks([layer])[0] for name, layer in scores.items()}
        units = {name: layer.numel() for name, layer in scores.items()}
    return Ranking(ranks, units, removable, shapes, earlier, followers or {})


def _finite(name: str, scores: Tensor) -> Tensor:
    if not torch.isfinite(scores).all():
        raise DataError(_("The pruning scores of {layer} are not all finite numbers.").format(layer=name))
    return scores.detach().cpu()


def _removed_first(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Return the scores with those of units that earlier masks removed below all others, so that they count as removed."""
    return scores if mask is None else scores.masked_fill(~mask, -torch.inf)


def _channel_scores(scores: Tensor, mask: Tensor | None) -> Tensor:
    """Return each channel's mean score, shaped (channels, 1, …), the best one raised above all others."""
    means = _removed_first(scores.flatten(1).mean(1), None if mask is None else mask.flatten(1).any(1))
    means[means.argmax()] = torch.inf
    return means.reshape(-1, *[1] * (scores.dim() - 1))


def _ranks(scores: list[Tensor]) -> list[Tensor]:
    """Return the rank of each score in the ascending order of them all, in the same shapes."""
    order = torch.cat([layer.flatten() for layer in scores]).sort(stable=True).indices
    ranks = torch.empty_like(order)
    ranks[order] = torch.arange(len(order))
    return [part.view_as(layer) for part, layer in zip(ranks.split([layer.numel() for layer in scores]), scores, strict=True)]
