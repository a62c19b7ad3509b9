"""Labels that are smoothed: a share of each is spread over all classes. No teacher is needed."""

from typing import Annotated

from torch import Tensor
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import DISTILLATION, Batch, Seen
from compression.texts import mark as _


@DISTILLATION.register(
    title=_("Label smoothing"),
    source="Szegedy et al. 2016, arXiv:1512.00567, section 7",
    per_example=True,
    teacher_free=True,
    teacher_share="smoothing",
    formula=r"\varepsilon\,\Bigl(-\tfrac{1}{K}\sum_k \log \sigma_k(z_s)\Bigr)",
)
def label_smoothing(
    student: Seen,
    teacher: Seen,
    batch: Batch,
    *,
    smoothing: Annotated[
        float,
        Knob(_("Share of each label that all classes get alike"), low=0, high=1, step=0.05, symbol=r"\varepsilon"),
    ] = 0.1,
) -> dict[str, Tensor]:
    """Spreads a share of each label over all classes alike: the student never looks at the teacher.

    Soft labels without a teacher: what KD gains beyond them, it owes to what the teacher knows.

    One example and two classes with probabilities (0.5, 0.5): 0.25 * (log 2 + log 2) / 2 = 0.173287.

    >>> from torch import tensor
    >>> student = Seen(tensor([[3.0, 3.0]]))
    >>> batch = Batch(inputs=None, labels=tensor([0]), index=tensor([0]), step=0)
    >>> round(float(label_smoothing(student, None, batch, smoothing=0.25)["uniform"]), 6)
    0.173287

    Returns:
        `uniform`, 0-d: smoothing * the cross-entropy to equal probabilities, the mean over examples. Alone, labels weigh
            1 - smoothing, which makes both together the cross-entropy to the smoothed labels.
    """
    return {"uniform": -smoothing * functional.log_softmax(student.logits, 1).mean()}
