"""Distillation by matching logits."""

from typing import Annotated

from torch import Tensor

from compression.distillation import DISTILLATION, SHARE_OF_LOGITS, Batch, Seen
from compression.texts import mark as _


@DISTILLATION.register(
    title=_("Squared logit difference"),
    source="Ba & Caruana 2014, arXiv:1312.6184, equation 1; Bucila, Caruana & Niculescu-Mizil 2006",
    per_example=True,
    teacher_share="alpha",
    formula=r"\alpha\,\tfrac{1}{2}\,\overline{\lVert z_s - z_t \rVert^2}",
)
def logit_difference(
    student: Seen,
    teacher: Seen,
    batch: Batch,
    *,
    alpha: Annotated[float, SHARE_OF_LOGITS] = 0.9,
) -> dict[str, Tensor]:
    """Pulls each logit of the student towards the teacher's, however unlikely its class.

    Two examples and two classes whose squared differences sum to 4 and to 1: 0.25 * (4 + 1) / 2 / 2 = 0.3125.

    >>> from torch import tensor
    >>> student, teacher = Seen(tensor([[0.0, 0.0], [2.0, 0.0]])), Seen(tensor([[2.0, 0.0], [2.0, 1.0]]))
    >>> batch = Batch(inputs=None, labels=tensor([0, 1]), index=tensor([0, 1]), step=0)
    >>> float(logit_difference(student, teacher, batch, alpha=0.25)["soft"])
    0.3125

    Returns:
        `soft`, 0-d: alpha / 2 * the squared distance, the mean over examples. Alone, labels weigh 1 - alpha.

    Differs: the paper trains on logits alone (alpha 1); here labels can keep a share. The sum over classes makes gradients
    larger than KD's as many times as there are classes: unlike `logit_difference_centred` it wants a lower learning rate.
    """
    distance = (student.logits - teacher.logits.detach()).square().sum(1).mean()
    return {"soft": alpha * distance / 2}
