"""Distillation by the cross-entropy to the teacher's probabilities."""

from typing import Annotated

from torch import Tensor
from torch.nn import functional

from compression.distillation import DISTILLATION, SHARE, TEMPERATURE, Batch, Seen
from compression.texts import mark as _


@DISTILLATION.register(
    title=_("Soft cross-entropy"),
    source="Hinton, Vinyals & Dean 2015, arXiv:1503.02531, section 2",
    per_example=True,
    teacher_share="alpha",
    softens=True,
    formula=r"\alpha T^2\,\Bigl(-\sum_k \sigma_k(z_t/T)\,\log \sigma_k(z_s/T)\Bigr)",
)
def soft_cross_entropy(
    student: Seen,
    teacher: Seen,
    batch: Batch,
    *,
    temperature: Annotated[float, TEMPERATURE] = 4.0,
    alpha: Annotated[float, SHARE] = 0.9,
) -> dict[str, Tensor]:
    """Trains on the teacher's softened probabilities as if they were labels: KD plus their entropy, below which no student gets.

    The gradient is that of KD, since the teacher's entropy does not depend on the student; the curve ends at alpha * T² * that
    entropy, not at 0.

    One example and two classes: softened, the teacher's probabilities are (0.731, 0.269) and the student's (0.5, 0.5), so that
    the cross-entropy is log 2 = 0.693147, and the loss is 0.25 * 4 * 0.693147.

    >>> from torch import tensor
    >>> student, teacher = Seen(tensor([[0.0, 0.0]])), Seen(tensor([[2.0, 0.0]]))
    >>> batch = Batch(inputs=None, labels=tensor([0]), index=tensor([0]), step=0)
    >>> round(float(soft_cross_entropy(student, teacher, batch, temperature=2.0, alpha=0.25)["soft"]), 6)
    0.693147

    Returns:
        `soft`, 0-d: alpha * T² * the cross-entropy, the mean over examples. Alone, labels weigh 1 - alpha.
    """
    targets = functional.softmax(teacher.logits.detach() / temperature, 1)
    return {"soft": alpha * temperature**2 * functional.cross_entropy(student.logits / temperature, targets)}
