"""Distillation by correlation: of the classes for each example, and of the examples for each class.

The authors' code multiplies by T², the paper does not, and this does not either: a correlation does not shrink as probabilities
grow alike, so that T² has nothing to make up for. At the temperature 1 of the authors' ImageNet training, the default here, both
are the same; on CIFAR-100 their code has T 4 and weights of 2, which are weights of 32 here.

A row that is constant has no correlation: it counts as 0 and gives no gradient, and so do the columns of a batch of one example.
In a batch of two every column's is 1 or -1: columns tell something from three examples on.
"""

from typing import Annotated

import torch
from torch import Tensor
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import DISTILLATION, TEMPERATURE, Batch, Seen, unit_vectors
from compression.texts import mark as _

# Of a row's length: what is left of a constant row in float32 once its mean is taken away is below.
ROUNDING = 3e-6


@DISTILLATION.register(
    title=_("DIST (correlation)"),
    source="Huang et al. 2022, arXiv:2205.10536, section 4",
    per_example=False,
    formula=(
        r"\beta\,\bigl(1 - \overline{\rho}_{\mathrm{rows}}(\sigma(z_s/T), \sigma(z_t/T))\bigr)"
        r" + \gamma\,\bigl(1 - \overline{\rho}_{\mathrm{columns}}(\sigma(z_s/T), \sigma(z_t/T))\bigr)"
    ),
)
def dist(
    student: Seen,
    teacher: Seen,
    batch: Batch,
    *,
    temperature: Annotated[float, TEMPERATURE] = 1.0,
    example_weight: Annotated[
        float,
        Knob(_("Weight of each example's correlation over the classes"), low=0, high=20, step=0.25, symbol=r"\beta"),
    ] = 1.0,
    class_weight: Annotated[
        float,
        Knob(_("Weight of each class's correlation over the batch's examples"), low=0, high=20, step=0.25, symbol=r"\gamma"),
    ] = 1.0,
) -> dict[str, Tensor]:
    """Asks that the student's probabilities rise and fall with the teacher's, not that they are the same.

    Pearson's correlation is 1 wherever one row of numbers is the other stretched and shifted, so that a small student need not be
    as sure as its teacher.

    Two examples, three classes. The students' rows (1, 2, 1) / 4 and (1, 1, 2) / 4, the teacher's (2, 1, 1) / 4 and (1, 1, 2) / 4
    correlate by -0.5 and 1: mean 0.25. The columns (1, 1), (2, 1), (1, 2) and (2, 1), (1, 1), (1, 2) correlate by 0, 0 and 1,
    since a constant one counts as 0: mean 1/3. So 2 * (1 - 1/4) + 3 * (1 - 1/3) = 3.5.

    >>> from torch import tensor
    >>> rows = tensor([[1.0, 2.0, 1.0], [1.0, 1.0, 2.0]]), tensor([[2.0, 1.0, 1.0], [1.0, 1.0, 2.0]])
    >>> student, teacher = (Seen(2 * row.log()) for row in rows)
    >>> terms = dist(student, teacher, None, temperature=2.0, example_weight=2.0, class_weight=3.0)
    >>> round(float(sum(terms.values())), 5)
    3.5

    Returns:
        `examples`, 0-d: example_weight * (1 - the mean correlation of an example's row over the classes).
        `classes`, 0-d: class_weight * (1 - the mean correlation of a class's column over the examples).
    """
    own = functional.softmax(student.logits / temperature, 1)
    theirs = functional.softmax(teacher.logits.detach() / temperature, 1)
    of_rows, of_columns = _correlation(own, theirs), _correlation(own.T, theirs.T)
    return {"examples": example_weight * (1 - of_rows), "classes": class_weight * (1 - of_columns)}


def _correlation(first: Tensor, second: Tensor) -> Tensor:
    """Return Pearson's correlation of the rows of two tensors (N, M) that belong together, 0-d, the mean over rows."""
    centred = [
        unit_vectors(rows - rows.mean(1, keepdim=True), floor=ROUNDING * torch.linalg.vector_norm(rows, dim=1, keepdim=True))
        for rows in (first, second)
    ]
    return (centred[0] * centred[1]).sum(1).mean()
