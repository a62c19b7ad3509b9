"""Distillation by a bound on the mutual information of feature maps."""

import math
from typing import Annotated

from torch import Tensor, nn
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import DISTILLATION, Batch, Seen, to_smaller
from compression.texts import mark as _

SMALLEST_VARIANCE = 1e-5


class Guess(nn.Module):
    """What one stage's map of the student says of the teacher's: a normal distribution of each feature.

    Args:
        own: channels of the student's map.
        others: channels of the teacher's map.
        variance: of every channel at first.
    """

    def __init__(self, own: int, others: int, variance: float) -> None:
        super().__init__()
        widths = (own, others, others, others)
        layers = [nn.Conv2d(*widths[place : place + 2], kernel_size=1, bias=False) for place in range(3)]
        self.mean = nn.Sequential(layers[0], nn.ReLU(), layers[1], nn.ReLU(), layers[2])
        before_softplus = math.log(math.expm1(variance - SMALLEST_VARIANCE))
        # One axis, as a bias has, so that weight decay leaves it alone.
        self.spread = nn.Parameter(layers[0].weight.new_full((others,), before_softplus))

    @property
    def variance(self) -> Tensor:
        """Return the variance of each channel of the teacher, (C,)."""
        return functional.softplus(self.spread) + SMALLEST_VARIANCE

    def forward(self, own: Tensor, others: Tensor) -> Tensor:
        """Return the negative log-likelihood of the teacher's map, 0-d, without its constant, the mean over all features."""
        own, others = to_smaller(own, others)
        # Not torch's gaussian_nll_loss, which asks the device at each call whether a variance is negative.
        variance = self.variance.view(-1, 1, 1)
        return ((self.mean(own) - others).square() / variance + variance.log()).mean() / 2


@DISTILLATION.register(
    name="vid",
    title=_("Variational information (VID)"),
    source="Ahn et al. 2019, arXiv:1904.05835, section 2; the authors' code",
    per_example=True,
    needs=("features",),
    formula=r"\lambda\sum_m\tfrac{1}{2}\,\overline{\frac{(\mu(f_s^{(m)}) - f_t^{(m)})^2}{\sigma^2}+\ln\sigma^2}"
    r" \\ &\sigma^2_0 = v",
)
class VID(nn.Module):
    """Makes the teacher's feature maps likely, given the student's, at every stage: a bound on what both have in common.

    Three convolutions (1x1, ReLU between them) make of the student's map the mean of each of the teacher's features; their
    variance is learned, too, one for each channel, so that channels which the student cannot follow count less. Convolutions and
    variances are no part of the student that results. Maps that differ in height or width are first averaged down to the
    smaller of both (adaptive average pooling). Stages are summed. The constant ln(2 pi) / 2 is left out, so that the term falls
    below zero as variances do below one.

    One feature: convolutions of ones leave the student's 3 as it is, the teacher's is 1, and with the variance 4 the term is
    0.5 * ((3 - 1)² / 4 + ln 4) / 2 = 0.596574.

    >>> from torch import nn, tensor
    >>> student, teacher = (Seen(None, (tensor([[[[feature]]]]),)) for feature in (3.0, 1.0))
    >>> loss = VID(student, teacher, information_weight=0.5, start_variance=4.0)
    >>> for layer in loss.guesses[0].mean[::2]:
    ...     _ = nn.init.ones_(layer.weight)
    >>> round(float(loss(student, teacher, None)["information"].detach()), 5)
    0.59657

    Args:
        student: what the student shows of any example.
        teacher: what the teacher shows of it.
    """

    def __init__(
        self,
        student: Seen,
        teacher: Seen,
        *,
        information_weight: Annotated[
            float,
            Knob(
                _("Weight of the likelihood beside the labels"), low=0.01, high=10, step=0.01, logarithmic=True, symbol=r"\lambda"
            ),
        ] = 1.0,
        start_variance: Annotated[
            float,
            Knob(_("Variance of each channel before it is learned"), low=0.1, high=50, step=0.1, logarithmic=True, symbol="v"),
        ] = 5.0,
    ) -> None:
        super().__init__()
        self.information_weight = information_weight
        pairs = zip(student.features, teacher.features, strict=True)
        self.guesses = nn.ModuleList(Guess(own.shape[1], others.shape[1], start_variance) for own, others in pairs)

    def forward(self, student: Seen, teacher: Seen, batch: Batch) -> dict[str, Tensor]:
        """Return `information`, 0-d: information_weight * the sum over stages of the mean negative log-likelihood."""
        stages = zip(self.guesses, student.features, teacher.features, strict=True)
        return {"information": self.information_weight * sum(guess(own, others.detach()) for guess, own, others in stages)}
