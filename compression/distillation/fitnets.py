"""Distillation by hints: a feature map of the teacher guides one of the student."""

from typing import Annotated

from torch import Tensor, nn
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import DISTILLATION, Batch, Seen
from compression.errors import SpecError
from compression.texts import gettext
from compression.texts import mark as _


@DISTILLATION.register(
    name="fitnets",
    title=_("FitNets (hint)"),
    source="Romero et al. 2015, arXiv:1412.6550, equation 3",
    per_example=True,
    needs=("features",),
    formula=r"\beta\,\overline{\left(r(f_s^{(m)}) - f_t^{(m)}\right)^2}",
)
class FitNets(nn.Module):
    """Pulls a feature map in the middle of the student towards the teacher's, through a convolution that is trained with it.

    The convolution (1x1, with bias) gives the student's map as many channels as the teacher's has; it is no part of the student
    that results. Where the two maps differ in height or width, each is first averaged down to the smaller of both
    (adaptive average pooling).

    Two examples of one stage, two 1x1 channels against one, a convolution of ones: 3 * ((1 + 2 - 5)² + (0 + 1 - 1)²) / 2 = 6.

    >>> from torch import nn, tensor
    >>> student = Seen(None, (tensor([[1.0, 2.0], [0.0, 1.0]]).view(2, 2, 1, 1),))
    >>> teacher = Seen(None, (tensor([[5.0], [1.0]]).view(2, 1, 1, 1),))
    >>> loss = FitNets(student, teacher, hint_weight=3.0, stage=1)
    >>> _ = nn.init.ones_(loss.regressor.weight), nn.init.zeros_(loss.regressor.bias)
    >>> float(loss(student, teacher, None)["hint"].detach())
    6.0

    Args:
        student: what the student shows of any example.
        teacher: what the teacher shows of it.

    Raises:
        SpecError: the two networks have fewer stages.

    Differs: the paper trains the student's first half on the hint, then all of it on soft targets; here the hint and the labels
    are learned together, as in RepDistiller, whose weight of 100 and whose mean instead of half the sum are taken too.
    """

    def __init__(
        self,
        student: Seen,
        teacher: Seen,
        *,
        hint_weight: Annotated[
            float,
            Knob(_("Weight of the hint beside the labels"), low=0.1, high=1000, step=0.1, logarithmic=True, symbol=r"\beta"),
        ] = 100.0,
        stage: Annotated[
            int, Knob(_("Which stage's feature maps are compared, counted from the input"), low=1, high=8, step=1, symbol="m")
        ] = 2,
    ) -> None:
        super().__init__()
        if stage > len(teacher.features):
            allowed = gettext("these two networks have {count} stages in common").format(count=len(teacher.features))
            raise SpecError("stage", stage, allowed)
        self.hint_weight, self.position = hint_weight, stage - 1
        channels = (seen.features[self.position].shape[1] for seen in (student, teacher))
        self.regressor = nn.Conv2d(*channels, kernel_size=1)

    def forward(self, student: Seen, teacher: Seen, batch: Batch) -> dict[str, Tensor]:
        """Return `hint`, 0-d: hint_weight * the mean squared error over examples, channels and pixels."""
        guided, hint = student.features[self.position], teacher.features[self.position].detach()
        size = [min(sides) for sides in zip(guided.shape[2:], hint.shape[2:], strict=True)]
        guided, hint = (functional.adaptive_avg_pool2d(maps, size) for maps in (guided, hint))
        return {"hint": self.hint_weight * functional.mse_loss(self.regressor(guided), hint)}
