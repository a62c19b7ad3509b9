"""Distillation by matching logits."""

from typing import Annotated

from torch import Tensor
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import DISTILLATION
from compression.texts import mark as _


@DISTILLATION.register(
    title=_("Squared logit difference"),
    source="Ba & Caruana 2014, arXiv:1312.6184, equation 1; Bucila, Caruana & Niculescu-Mizil 2006",
    per_example=True,
    formula=r"(1-\alpha)\,\mathrm{CE}(z_s, y) + \alpha\,\tfrac{1}{2}\,\overline{\lVert z_s - z_t \rVert^2}",
)
def logit_difference(
    student_logits: Tensor,
    teacher_logits: Tensor,
    labels: Tensor,
    *,
    alpha: Annotated[float, Knob(_("Share of the teacher's logits; the labels have the rest"), low=0, high=1, step=0.05)] = 0.9,
) -> dict[str, Tensor]:
    """Pulls each logit of the student towards the teacher's, however unlikely its class.

    Two examples and two classes, alpha 0.25, student logits (0, 0) and (2, 0), teacher logits (2, 0) and (2, 1), labels 0
    and 1: hard 0.75 * (0.693147 + 2.126928) / 2 = 1.057528; soft 0.25 * (4 + 1) / 2 / 2 = 0.312500; in all 1.370028.

    Args:
        student_logits: (B, K), float.
        teacher_logits: (B, K), float; no gradient reaches them.
        labels: (B,), int64.

    Returns:
        `hard` and `soft`, 0-d and already weighted; the loss is their sum.

    Differs: the paper trains on logits alone (alpha 1); here labels can keep a share.
    """
    distance = (student_logits - teacher_logits.detach()).square().sum(1).mean()
    return {
        "hard": (1 - alpha) * functional.cross_entropy(student_logits, labels),
        "soft": alpha * distance / 2,
    }
