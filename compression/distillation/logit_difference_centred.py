"""Distillation by matching logits but for an offset that is the same for all classes."""

from typing import Annotated

from torch import Tensor

from compression.distillation import DISTILLATION, SHARE_OF_LOGITS, Batch, Seen
from compression.texts import mark as _


@DISTILLATION.register(
    title=_("Squared logit difference, centred"),
    source="Ba & Caruana 2014, arXiv:1312.6184, equation 1; Hinton, Vinyals & Dean 2015, arXiv:1503.02531, equation 4",
    per_example=True,
    teacher_share="alpha",
    formula=r"\alpha\,\tfrac{1}{2K}\,\overline{\lVert (z_s - \bar z_s) - (z_t - \bar z_t) \rVert^2}",
)
def logit_difference_centred(
    student: Seen,
    teacher: Seen,
    batch: Batch,
    *,
    alpha: Annotated[float, SHARE_OF_LOGITS] = 0.9,
) -> dict[str, Tensor]:
    """Pulls each logit of the student towards the teacher's, after each example's mean is taken from both.

    Probabilities do not change when all logits of an example move by the same amount, so that the student is not asked to learn
    by how much the teacher's are moved. This is what KD tends to as its temperature rises, of the same size.

    One example and three classes: the logits differ by (0, 3, 6), which without their mean is (-3, 0, 3), and
    0.25 * (9 + 0 + 9) / 3 / 2 = 0.75.

    >>> from torch import tensor
    >>> student, teacher = Seen(tensor([[1.0, 3.0, 6.0]])), Seen(tensor([[1.0, 0.0, 0.0]]))
    >>> batch = Batch(inputs=None, labels=tensor([0]), index=tensor([0]), step=0)
    >>> float(logit_difference_centred(student, teacher, batch, alpha=0.25)["soft"])
    0.75

    Returns:
        `soft`, 0-d: alpha / 2 * the squared difference, the mean over examples and classes. Alone, labels weigh 1 - alpha.

    Differs: the first paper sums over classes and centres nothing; the second assumes that the logits are centred.
    """
    difference = student.logits - teacher.logits.detach()
    return {"soft": alpha * (difference - difference.mean(1, keepdim=True)).square().mean() / 2}
