"""Distillation by neuron selectivity: which patterns over an image the channels of a network have."""

from typing import Annotated

from torch import Tensor
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import DISTILLATION, Batch, Seen, to_smaller
from compression.texts import mark as _


@DISTILLATION.register(
    title=_("Neuron selectivity (NST)"),
    source="Huang & Wang 2017, arXiv:1707.01219, section 4, squared kernel",
    per_example=True,
    needs=("features",),
    formula=r"\beta\sum_m\overline{\mathrm{MMD}^2\!\left(\hat{f}_s^{(m)}, \hat{f}_t^{(m)}\right)}",
)
def nst(
    student: Seen,
    teacher: Seen,
    batch: Batch,
    *,
    selectivity_weight: Annotated[
        float,
        Knob(
            _("Weight of the channels' patterns beside the labels"),
            low=0.1,
            high=500,
            step=0.1,
            logarithmic=True,
            symbol=r"\beta",
        ),
    ] = 10.0,
) -> dict[str, Tensor]:
    """Pulls the patterns over the image that the student's channels have towards those of the teacher's, as sets, at every stage.

    A channel's pattern is its map divided by its Euclidean length (the hat in the formula). Two sets of patterns are compared by
    the squared maximum mean discrepancy with the kernel k(a, b) = (a · b)²: mean k(s, s') + mean k(t, t') - 2 mean k(s, t).
    Any numbers of channels, in any order, can be compared. Maps that differ in height or width are first averaged down to
    the smaller of both (adaptive average pooling). Stages are summed.

    Two pixels: the student's channel (3, 4) has the pattern (0.6, 0.8), the teacher's channels (1, 0) and (0, 2) the patterns (1,
    0) and (0, 1). The means are 1, 0.5 and (0.36 + 0.64) / 2 = 0.5, and 30 * (1 + 0.5 - 2 * 0.5) = 15.

    >>> from torch import tensor
    >>> student = Seen(None, (tensor([3.0, 4.0]).view(1, 1, 1, 2),))
    >>> teacher = Seen(None, (tensor([1.0, 0.0, 0.0, 2.0]).view(1, 2, 1, 2),))
    >>> round(float(nst(student, teacher, None, selectivity_weight=30.0)["selectivity"]), 5)
    15.0

    Returns:
        `selectivity`, 0-d: selectivity_weight * the sum over stages, the mean over examples.

    Differs: the usual weight of 50 (RepDistiller) costs small students of the digits 4 points; 10 costs them none.
    """
    pairs = (to_smaller(own, others.detach()) for own, others in zip(student.features, teacher.features, strict=True))
    return {"selectivity": selectivity_weight * sum(_discrepancy(*map(_patterns, pair)).mean() for pair in pairs)}


def _patterns(maps: Tensor) -> Tensor:
    """Return maps (B, C, H, W) as patterns (B, C, pixels) of length 1."""
    return functional.normalize(maps.flatten(2), dim=2)


def _discrepancy(own: Tensor, others: Tensor) -> Tensor:
    """Return the squared discrepancy (B,) of two sets of patterns (B, C, pixels).

    All kernels of two sets are the squared entries of one product of matrices. Where there are fewer pixels than channels, the
    same sum is that of the products over pixels, (B, pixels, pixels); so no more than B * channels² numbers are ever needed.
    """
    if own.shape[2] < max(own.shape[1], others.shape[1]):
        difference = own.mT @ own / own.shape[1] - others.mT @ others / others.shape[1]
        return difference.square().sum((1, 2))
    return _kernel(own, own) + _kernel(others, others) - 2 * _kernel(own, others)


def _kernel(first: Tensor, second: Tensor) -> Tensor:
    return (first @ second.mT).square().mean((1, 2))
