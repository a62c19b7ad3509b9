"""Distillation of similarities: which examples of a batch excite the same features."""

from typing import Annotated

from torch import Tensor
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import DISTILLATION, Batch, Seen, unit_vectors
from compression.texts import mark as _


@DISTILLATION.register(
    title=_("Similarity-preserving"),
    source="Tung & Mori 2019, arXiv:1907.09682, equations 2 to 4",
    per_example=False,
    needs=("features",),
    compares="relations",
    formula=r"\gamma\,\overline{(\hat G_s - \hat G_t)^2}",
)
def similarity(
    student: Seen,
    teacher: Seen,
    batch: Batch,
    *,
    similarity_weight: Annotated[
        float, Knob(_("Weight beside the labels"), low=1, high=10_000, logarithmic=True, step=1, symbol=r"\gamma")
    ] = 1000.0,
) -> dict[str, Tensor]:
    """Pulls the likeness of each two images of a batch, by the last feature maps, towards what it is for the teacher.

    The map of an example, flattened, is a row of F. The products of its rows are the likenesses, and those of an example with all
    others are divided by their length as a row. Only examples are compared with one another: no layer has to translate.

    Two examples of two numbers. The student's, (1, 0) and (0, 1), are not alike: rows (1, 0) and (0, 1). The teacher's, (1, 0)
    and (4, 3), have products (1, 4) and (4, 25), of lengths √17 and √641. The mean square of the four differences is 0.385012,
    and 2 * 0.385012 = 0.770024.

    >>> from torch import tensor
    >>> student, teacher = (
    ...     Seen(None, (tensor(rows).view(2, 2, 1, 1),)) for rows in ([[1.0, 0.0], [0.0, 1.0]], [[1.0, 0.0], [4.0, 3.0]])
    ... )
    >>> round(float(similarity(student, teacher, None, similarity_weight=2.0)["similarity"]), 4)
    0.77

    Returns:
        `similarity`, 0-d: similarity_weight * the mean over the B² pairs of the squared difference, which falls as B grows:
            RepDistiller's weight is 3000, at batches of 64; with it a CNN of width 4 learns digits, 32 a time, worse than alone.
    """
    maps = student.features[-1].flatten(1), teacher.features[-1].detach().flatten(1)
    own, others = (unit_vectors(rows @ rows.T) for rows in maps)
    return {"similarity": similarity_weight * functional.mse_loss(own, others)}
