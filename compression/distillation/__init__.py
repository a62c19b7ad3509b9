"""Distillation losses: one file a loss, and what every loss is given."""

from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional

from compression.catalog import Knob, Registry
from compression.texts import mark as _

DISTILLATION = Registry("compression.distillation", "distillation loss")
NEEDS = ("features", "embedding")
SHORTEST = 1e-12  # length; the gradients of a direction grow with its reciprocal
TEMPERATURE = Knob(
    _("How soft the teacher's probabilities are: 1 leaves them as they are"),
    low=0.5,
    high=50,
    step=0.5,
    logarithmic=True,
    symbol="T",
)
SHARE = Knob(_("Weight of the teacher's soft targets; labels have the rest"), low=0, high=1, step=0.05, symbol=r"\alpha")
SHARE_OF_LOGITS = Knob(_("Share of the teacher's logits; the labels have the rest"), low=0, high=1, step=0.05, symbol=r"\alpha")


@dataclass(frozen=True)
class Seen:
    """What a network answers to a batch, and what it computed on the way.

    Attributes:
        logits: (B, K), float.
        features: one (B, C, H, W), float, a stage, first to last; student and teacher have equally many, of any channels and
            sizes. Empty unless the loss's trait `needs` has "features".
        embedding: (B, D), float, what the last linear layer is given; None unless `needs` has "embedding".
    """

    logits: Tensor
    features: tuple[Tensor, ...] = ()
    embedding: Tensor | None = None

    def __getitem__(self, chosen: Any) -> "Seen":
        """Return the same of some examples."""
        embedding = None if self.embedding is None else self.embedding[chosen]
        return Seen(self.logits[chosen], tuple(maps[chosen] for maps in self.features), embedding)

    def detach(self) -> "Seen":
        """Return the same without gradients."""
        embedding = None if self.embedding is None else self.embedding.detach()
        return Seen(self.logits.detach(), tuple(maps.detach() for maps in self.features), embedding)

    def float(self) -> "Seen":
        """Return the same in float32, in which losses are computed."""
        embedding = None if self.embedding is None else self.embedding.float()
        return Seen(self.logits.float(), tuple(maps.float() for maps in self.features), embedding)


@dataclass(frozen=True)
class Batch:
    """The examples of one training step.

    Attributes:
        inputs: (B, C, H, W), float, as the student is given them.
        labels: (B,), int64.
        index: (B,), int64, their positions among the training examples.
        step: how many steps this training has behind it.
    """

    inputs: Tensor
    labels: Tensor
    index: Tensor
    step: int


def teacher_free(loss: Any) -> bool:
    """Tell whether a spec's loss, or each loss of its list, looks at no teacher; None, a scheme's own loss, may look at one."""
    parts = loss if isinstance(loss, list) else [loss]
    return all(part is not None and DISTILLATION[part["name"]].traits.get("teacher_free", False) for part in parts)


def to_smaller(own: Tensor, others: Tensor) -> tuple[Tensor, Tensor]:
    """Return two maps (B, C, H, W) of any sizes, each averaged down to the smaller height and width of both."""
    size = [min(sides) for sides in zip(own.shape[2:], others.shape[2:], strict=True)]
    return functional.adaptive_avg_pool2d(own, size), functional.adaptive_avg_pool2d(others, size)


def softened_divergence(student: Tensor, teacher: Tensor, temperature: float) -> Tensor:
    """Return KL(teacher || student) of probabilities softened by a temperature, 0-d, the mean over a batch.

    Args:
        student: logits (B, K).
        teacher: logits (B, K), which get no gradient.

    Source: Hinton, Vinyals & Dean 2015, arXiv:1503.02531, section 2.
    """

    log_student = functional.log_softmax(student / temperature, 1)
    log_teacher = functional.log_softmax(teacher.detach() / temperature, 1)
    return functional.kl_div(log_student, log_teacher, reduction="batchmean", log_target=True)


def unit_vectors(vectors: Tensor, *, floor: Tensor | float = SHORTEST) -> Tensor:
    """Return vectors (..., D) divided by their lengths; those too short to have a direction are zero, and so is their gradient.

    Unlike `functional.normalize`, whose gradient at a vector of zeros is the reciprocal of its `eps`.

    Args:
        floor: the length up to which a vector has no direction, of all or (..., 1).
    """
    lengths = torch.linalg.vector_norm(vectors, dim=-1, keepdim=True)
    directed = (lengths > floor) & (lengths > SHORTEST)
    return torch.where(directed, vectors, 0) / torch.where(directed, lengths, 1)
