"""Distillation of relations: the distances and the angles between examples."""

from typing import Annotated, Any

import torch
from torch import Tensor
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import DISTILLATION, SHORTEST, Batch, Seen, unit_vectors
from compression.texts import mark as _

# Numbers, of angles or of differences, that are in memory together; all angles of 512 examples are 134 million.
NUMBERS_AT_ONCE = 2**22
# Of the mean distance: what lies nearer has no direction that rounding leaves.
NEAREST = 1e-4


@DISTILLATION.register(
    title=_("Relational KD (RKD)"),
    source="Park et al. 2019, arXiv:1904.05068, section 3.2",
    per_example=False,
    needs=("embedding",),
    formula=(
        r"\lambda\,\overline{h\bigl(d(s_i, s_j) - d(t_i, t_j)\bigr)}"
        r" + \mu\,\overline{h\bigl(\cos\angle(s_i, s_j, s_k) - \cos\angle(t_i, t_j, t_k)\bigr)}"
    ),
)
def rkd(
    student: Seen,
    teacher: Seen,
    batch: Batch,
    *,
    distance_weight: Annotated[
        float, Knob(_("Weight of the distances between two examples"), low=0, high=500, step=1, symbol=r"\lambda")
    ] = 25.0,
    angle_weight: Annotated[
        float, Knob(_("Weight of the angles between three examples"), low=0, high=500, step=1, symbol=r"\mu")
    ] = 50.0,
) -> dict[str, Tensor]:
    """Asks that the embeddings of a batch lie to one another as the teacher's do: by distance, and by angle.

    Distances are in units of their mean over the batch. The embeddings may have different sizes: no layer has to translate.
    `h` is the Huber loss, half the square up to 1 and then a line.

    Three examples, the student's on a line, at 0, 3 and 6, the teacher's at (0, 0), (3, 0), (0, 4). Distances over their means,
    4 and 4: (0.75, 1.5, 0.75) against (0.75, 1, 1.25). The squares halved, for six of nine pairs: 0.25 * 2 / 9 = 0.055556.
    Angles at the three examples: cosines 1, -1, 1 against 0, 0.6, 0.8, of the third's differences 1, 1.6 and 0.2, halved squares
    0.5, (Huber) 1.1 and 0.02, twice in 27 triples: 3.24 / 27 = 0.12. So 9 * 0.055556 + 2 * 0.12 = 0.74.

    >>> from torch import tensor
    >>> rows = tensor([[0.0], [3.0], [6.0]]), tensor([[0.0, 0.0], [3.0, 0.0], [0.0, 4.0]])
    >>> student, teacher = (Seen(None, embedding=row) for row in rows)
    >>> round(float(sum(rkd(student, teacher, None, distance_weight=9.0, angle_weight=2.0).values())), 5)
    0.74

    Returns:
        `distances`, 0-d: distance_weight * the mean of `h` over the B² pairs.
        `angles`, 0-d: angle_weight * the mean of `h` over the B³ triples, of the cosine of the angle at the middle one.
    """
    own, others = student.embedding, teacher.embedding.detach()
    distances = functional.smooth_l1_loss(_distances(own), _distances(others))
    return {"distances": distance_weight * distances, "angles": angle_weight * _angles_apart(own, others)}


def _distances(points: Tensor) -> Tensor:
    """Return the distances (B, B) of points (B, D) in units of their mean, which leaves the zeros of each to itself out."""
    # The matrix product that is the default for many points loses small distances to rounding.
    found = torch.cdist(points, points, compute_mode="donot_use_mm_for_euclid_dist")
    return found / _mean(found)


def _mean(distances: Tensor) -> Tensor:
    count = len(distances)
    return (distances.sum() / max(1, count * (count - 1))).clamp_min(SHORTEST)


def _angles_apart(own: Tensor, others: Tensor) -> Tensor:
    """Return the mean Huber loss between the cosines of all angles of points (B, D) and (B, E), a part of them at a time."""
    count, widest = len(own), max(len(own), own.shape[1], others.shape[1])
    parts = torch.arange(count, device=own.device).split(max(1, NUMBERS_AT_ONCE // (count * widest)))
    total = _apart_at(own, others, parts[0]) if len(parts) == 1 else _InParts.apply(own, others, parts)
    return total / count**3


class _InParts(torch.autograd.Function):
    """Sums over parts of the angles. Each part's gradient is taken at once: kept for later, all angles would be in memory."""

    @staticmethod
    def forward(ctx: Any, own: Tensor, others: Tensor, parts: tuple[Tensor, ...]) -> Tensor:
        """Return the sum, 0-d, of points (B, D) and (B, E), each part being vertices (V,)."""
        total, slope = own.new_zeros(()), torch.zeros_like(own)
        for vertices in parts:
            with torch.enable_grad():
                leaf = own.detach().requires_grad_()
                apart = _apart_at(leaf, others, vertices)
            slope += torch.autograd.grad(apart, leaf)[0]
            total += apart.detach()
        ctx.save_for_backward(slope)
        return total

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[Tensor, None, None]:
        """Return the gradient of the first points."""
        (slope,) = ctx.saved_tensors
        return gradient * slope, None, None


def _apart_at(own: Tensor, others: Tensor, vertices: Tensor) -> Tensor:
    """Return the sum of the Huber loss over the angles at some of the points."""
    return functional.smooth_l1_loss(_cosines(own, vertices), _cosines(others, vertices), reduction="sum")


def _cosines(points: Tensor, vertices: Tensor) -> Tensor:
    """Return the cosines (V, B, B) of the angles that points (B, D) form with each other at vertices (V,)."""
    away = points[None] - points[vertices, None]
    near = NEAREST * torch.linalg.vector_norm(away.detach(), dim=-1).mean()
    directions = unit_vectors(away, floor=near)
    return directions @ directions.mT
