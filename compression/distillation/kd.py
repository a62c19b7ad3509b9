"""Knowledge distillation by softened probabilities."""

from typing import Annotated

from torch import Tensor

from compression.distillation import DISTILLATION, SHARE, TEMPERATURE, Batch, Seen, softened_divergence
from compression.texts import mark as _


@DISTILLATION.register(
    title=_("KD (Hinton)"),
    source="Hinton, Vinyals & Dean 2015, arXiv:1503.02531, section 2",
    per_example=True,
    teacher_share="alpha",
    softens=True,
    formula=r"\alpha T^2\,\mathrm{KL}\!\left(\sigma(z_t/T)\,\|\,\sigma(z_s/T)\right)",
)
def kd(
    student: Seen,
    teacher: Seen,
    batch: Batch,
    *,
    temperature: Annotated[float, TEMPERATURE] = 4.0,
    alpha: Annotated[float, SHARE] = 0.9,
) -> dict[str, Tensor]:
    """Matches the teacher's softened probabilities, and the labels with what is left of the weight.

    Two examples and two classes: softened, the teacher's probabilities are (0.731, 0.269) twice and the student's (0.5, 0.5) and
    (0.731, 0.269), so that the divergences are 0.110944 and 0, and the loss is 0.25 * 4 * 0.110944 / 2 = 0.055472.

    >>> from torch import tensor
    >>> student, teacher = Seen(tensor([[0.0, 0.0], [2.0, 0.0]])), Seen(tensor([[2.0, 0.0], [2.0, 0.0]]))
    >>> batch = Batch(inputs=None, labels=tensor([0, 1]), index=tensor([0, 1]), step=0)
    >>> round(float(kd(student, teacher, batch, temperature=2.0, alpha=0.25)["soft"]), 6)
    0.055472

    Returns:
        `soft`, 0-d: alpha * T² * KL(teacher || student), the mean over examples. Alone, labels weigh 1 - alpha.
    """
    divergence = softened_divergence(student.logits, teacher.logits, temperature)
    return {"soft": alpha * temperature**2 * divergence}
