"""Distillation by hints: a feature map of the teacher guides one of the student."""

from typing import Annotated

from torch import Tensor, nn
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import DISTILLATION, Batch, Seen, to_smaller
from compression.errors import SpecError
from compression.texts import mark as _
from compression.texts import ngettext


@DISTILLATION.register(
    name="fitnets",
    title=_("FitNets (hint)"),
    source="Romero et al. 2015, arXiv:1412.6550, equation 3",
    per_example=False,
    needs=("features",),
    formula=r"\beta\,\overline{\left(r(f_s^{(m)}) - f_t^{(m)}\right)^2}",
)
class FitNets(nn.Module):
    """Pulls a feature map in the middle of the student towards the teacher's, through a convolution that is trained with it.

    The convolution (1x1) and a batch norm behind it turn the student's map into one with the teacher's channels; they are no part
    of the student that results. Where the two maps differ in height or width, each is first averaged down to the smaller of
    both (adaptive average pooling).

    Two examples of one stage, two 1x1 channels against one, a convolution of ones: its sums 3 and 1 are normalized to 1 and -1,
    and 3 * ((1 - 3)² + (-1 - 1)²) / 2 = 12.

    >>> from torch import nn, tensor
    >>> student = Seen(None, (tensor([[1.0, 2.0], [0.0, 1.0]]).view(2, 2, 1, 1),))
    >>> teacher = Seen(None, (tensor([[3.0], [1.0]]).view(2, 1, 1, 1),))
    >>> loss = FitNets(student, teacher, hint_weight=3.0, stage=1)
    >>> _ = nn.init.ones_(loss.regressor[0].weight)
    >>> round(float(loss(student, teacher, None)["hint"].detach()), 3)
    12.0

    Args:
        student: what the student shows of any example.
        teacher: what the teacher shows of it.

    Raises:
        SpecError: the two networks have fewer stages.

    Differs: the paper trains the student's first half on the hint, then all of it on soft targets; here the hint and the labels
    are learned together. That, the weight of 100, the mean instead of half the sum, and the batch norm, without which such a
    weight diverges, are RepDistiller's (Tian et al. 2020, arXiv:1910.10699).
    """

    def __init__(
        self,
        student: Seen,
        teacher: Seen,
        *,
        hint_weight: Annotated[
            float,
            Knob(_("Weight of the hint beside the labels"), low=0.1, high=300, step=0.1, logarithmic=True, symbol=r"\beta"),
        ] = 100.0,
        stage: Annotated[
            int, Knob(_("Which stage's feature maps are compared, counted from the input"), low=1, high=8, step=1, symbol="m")
        ] = 2,
    ) -> None:
        super().__init__()
        if stage > len(teacher.features):
            count = len(teacher.features)
            allowed = ngettext("these two networks share {count} stage", "these two networks share {count} stages", count)
            raise SpecError("stage", stage, allowed.format(count=count))
        self.hint_weight, self.position = hint_weight, stage - 1
        own, others = (seen.features[self.position].shape[1] for seen in (student, teacher))
        norm = nn.BatchNorm2d(others, track_running_stats=False)
        self.regressor = nn.Sequential(nn.Conv2d(own, others, kernel_size=1, bias=False), norm)

    def forward(self, student: Seen, teacher: Seen, batch: Batch) -> dict[str, Tensor]:
        """Return `hint`, 0-d: hint_weight * the mean squared error over examples, channels and pixels."""
        guided, hint = to_smaller(student.features[self.position], teacher.features[self.position].detach())
        return {"hint": self.hint_weight * functional.mse_loss(self.regressor(guided), hint)}
