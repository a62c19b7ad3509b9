"""Knowledge distillation from a teacher that is written down, not trained."""

import math
from typing import Annotated

from torch import Tensor
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import DISTILLATION, SHARE, TEMPERATURE, Batch, Seen, softened_divergence
from compression.texts import mark as _


@DISTILLATION.register(
    title=_("Virtual teacher (Tf-KD)"),
    source="Yuan et al. 2020, arXiv:1909.11723, section 5",
    per_example=True,
    teacher_free=True,
    teacher_share="alpha",
    formula=r"\alpha T^2\,\mathrm{KL}\!\left(\sigma(\log p_a/T)\,\|\,\sigma(z_s/T)\right)",
)
def virtual_teacher(
    student: Seen,
    teacher: Seen,
    batch: Batch,
    *,
    temperature: Annotated[float, TEMPERATURE] = 20.0,
    alpha: Annotated[float, SHARE] = 0.1,
    correct: Annotated[
        float,
        Knob(_("Probability that the virtual teacher gives the label's class"), low=0.5, high=0.999, step=0.001, symbol="a"),
    ] = 0.99,
) -> dict[str, Tensor]:
    """Distils from a virtual teacher, always right and with all other classes equally likely; no trained one is asked.

    It has the form of KD and knows nothing of how classes resemble one another: what it gives, KD does not owe to that.

    One example of class 0 and three classes. A teacher of (0.8, 0.1, 0.1) is 8 times as sure of its class as of another; softened
    by temperature 3, 2 times: (1/2, 1/4, 1/4). KL to the student's (1/3, 1/3, 1/3) is 0.058892, the loss 0.5 * 9 * 0.058892.

    >>> from torch import tensor
    >>> student = Seen(tensor([[1.0, 1.0, 1.0]]))
    >>> batch = Batch(inputs=None, labels=tensor([0]), index=tensor([0]), step=0)
    >>> round(float(virtual_teacher(student, None, batch, temperature=3.0, alpha=0.5, correct=0.8)["soft"]), 5)
    0.26501

    Returns:
        `soft`, 0-d: alpha * T² * KL(virtual teacher || student), the mean over examples. Alone, labels weigh 1 - alpha.

    Differs: the authors' code softens the teacher's probabilities in place of their logarithms, which leaves next to nothing of
    them at temperature 20, does not soften the student's, and has a factor of 100 for a mean over classes.
    """
    margin = math.log(correct / (1 - correct) * (student.logits.shape[1] - 1))
    virtual = margin * functional.one_hot(batch.labels, student.logits.shape[1]).to(student.logits.dtype)
    return {"soft": alpha * temperature**2 * softened_divergence(student.logits, virtual, temperature)}
