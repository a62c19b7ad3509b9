"""Knowledge distillation by softened probabilities."""

from typing import Annotated

from torch import Tensor
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import DISTILLATION
from compression.texts import mark as _


@DISTILLATION.register(
    title=_("KD (Hinton)"),
    source="Hinton, Vinyals & Dean 2015, arXiv:1503.02531, section 2",
    per_example=True,
    formula=r"(1-\alpha)\,\mathrm{CE}(z_s, y) + \alpha T^2\,\mathrm{KL}\!\left(\sigma(z_t/T)\,\|\,\sigma(z_s/T)\right)",
)
def kd(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    *,
    temperature: Annotated[
        float,
        Knob(
            _("How soft the teacher's probabilities are: 1 leaves them as they are"), low=0.5, high=50, step=0.5, logarithmic=True
        ),
    ] = 4.0,
    alpha: Annotated[
        float, Knob(_("Weight of the teacher's soft targets; labels have the rest"), low=0, high=1, step=0.05)
    ] = 0.9,
) -> dict[str, Tensor]:
    """Matches the teacher's softened probabilities, and the labels with what is left of the weight.

    Two examples and two classes, temperature 2, alpha 0.25, student logits (0, 0) and (2, 0), teacher logits (2, 0) and
    (2, 0), labels 0 and 1: hard 0.75 * (0.693147 + 2.126928) / 2 = 1.057528; soft 0.25 * 4 * (0.110944 + 0) / 2 = 0.055472;
    in all 1.113000.

    Args:
        student_logits: (B, K), float.
        teacher_logits: (B, K), float; no gradient reaches them.
        labels: (B,), int64.

    Returns:
        `hard` and `soft`, 0-d and already weighted; the loss is their sum.
    """
    log_student = functional.log_softmax(student_logits / temperature, 1)
    log_teacher = functional.log_softmax(teacher_logits.detach() / temperature, 1)
    divergence = functional.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)
    return {
        "hard": (1 - alpha) * functional.cross_entropy(student_logits, labels),
        "soft": alpha * temperature**2 * divergence,
    }
