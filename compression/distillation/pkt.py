"""Distillation of probabilities that examples are neighbours."""

from typing import Annotated

from torch import Tensor
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import DISTILLATION, Batch, Seen, unit_vectors
from compression.texts import mark as _

LEAST = 1e-7  # added to what is 0 of opposite examples, as in the authors' code


@DISTILLATION.register(
    title=_("Probabilistic transfer (PKT)"),
    source="Passalis & Tefas 2018, arXiv:1803.10837, section 3",
    per_example=False,
    needs=("embedding",),
    formula=r"\lambda\,\overline{\mathrm{KL}\!\left(P_t(\cdot|i)\,\|\,P_s(\cdot|i)\right)}",
)
def pkt(
    student: Seen,
    teacher: Seen,
    batch: Batch,
    *,
    affinity_weight: Annotated[
        float,
        Knob(_("Weight beside the labels"), low=1, high=10_000, step=1, logarithmic=True, symbol=r"\lambda"),
    ] = 470.0,
) -> dict[str, Tensor]:
    """Matches, for each example of a batch, how probable a neighbour each example is, by the cosine of their embeddings.

    The weight does not depend on the batch's size: RepDistiller's 30,000 weighs a mean over all B² probabilities, which is 470 of
    the mean over B rows at its batches of 64.

    Two examples: the student's embeddings are orthogonal, cosine 0, rows (1, 1/2) / 1.5; the teacher's have cosine 0.6, rows
    (1, 0.8) / 1.8. KL of (0.556, 0.444) to (0.667, 0.333) is 0.026575, times 20: 0.531.

    >>> from torch import tensor
    >>> rows = tensor([[2.0, 0.0], [0.0, 5.0]]), tensor([[1.0, 0.0, 0.0], [3.0, 4.0, 0.0]])
    >>> student, teacher = (Seen(None, embedding=row) for row in rows)
    >>> round(float(pkt(student, teacher, None, affinity_weight=20.0)["affinity"]), 3)
    0.531

    Returns:
        `affinity`, 0-d: affinity_weight * KL(teacher || student), the mean over the batch's examples.

    Differs: as in the authors' code an example counts among its own neighbours, which the paper's equation leaves out.
    """
    own, others = (_neighbours(embedding) for embedding in (student.embedding, teacher.embedding.detach()))
    return {"affinity": affinity_weight * functional.kl_div(own, others, reduction="batchmean", log_target=True)}


def _neighbours(embedding: Tensor) -> Tensor:
    """Return the logarithms of the probabilities (B, B) that an example's neighbour is another."""
    directions = unit_vectors(embedding)
    affinities = (1 + directions @ directions.T) / 2
    return functional.log_softmax((affinities + LEAST).log(), 1)
