"""Which weights share a scale or a codebook: those of a layer, of an output channel, or of a run within a channel."""

from collections.abc import Sequence
from math import ceil, prod

from torch import Tensor
from torch.nn import functional

Group = str | int


def groups_of(shape: Sequence[int], group: Group) -> tuple[int, int]:
    """Return how many groups a weight has, and how many weights each; the last of a channel may have fewer.

    Args:
        shape: of the weight, channels first.
        group: "tensor", "channel", or how many weights of a channel, in their order.
    """
    channels = shape[0] if len(shape) and group != "tensor" else 1
    length = prod(shape) // channels
    size = min(group, length) if isinstance(group, int) else length
    return channels * ceil(length / size), size


def grouped(weight: Tensor, group: Group) -> Tensor:
    """Return a weight as (groups, weights); a group that its channel's end cuts short is filled up with zeros."""
    groups, size = groups_of(weight.shape, group)
    rows = weight.reshape(len(weight) if weight.dim() and group != "tensor" else 1, -1)
    return functional.pad(rows, (0, groups // len(rows) * size - rows.shape[1])).reshape(groups, size)


def spread(values: Tensor, shape: Sequence[int], group: Group) -> Tensor:
    """Return one value a group, (groups,), shaped to go with the weight."""
    if not len(shape):
        return values.view(())
    if not isinstance(group, int):
        return values.view(-1, *[1] * (len(shape) - 1))
    _groups, size = groups_of(shape, group)
    rows = values.view(shape[0], -1).repeat_interleave(size, 1)
    return rows[:, : prod(shape) // shape[0]].reshape(shape)
