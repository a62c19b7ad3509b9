"""Contrastive distillation: which of the training images a representation belongs to."""

import math
from typing import Annotated

import torch
from torch import Tensor, nn
from torch.nn import functional

from compression.catalog import Knob
from compression.distillation import DISTILLATION, Batch, Seen, unit_vectors
from compression.texts import mark as _

SIZE = 128  # numbers in a representation, as in the authors' code; so are the next two
MOST_NEGATIVES = 16_384
MOMENTUM = 0.5  # what a memory keeps of its last representation of an image


@DISTILLATION.register(
    name="crd",
    title=_("Contrastive (CRD)"),
    source="Tian, Krishnan & Isola 2020, arXiv:1910.10699, section 3",
    per_example=False,
    needs=("embedding",),
    remembers_images=True,
    formula=r"\lambda\,\mathrm{Contrast}\!\left(\langle g_s, g_t \rangle/\tau\right)",
)
class CRD(nn.Module):
    """Trains the student's embedding of an image to be told from those of all other images by the teacher's, and the reverse.

    Two linear layers, trained along and no part of the student that results, turn both embeddings into representations of
    length 1. A memory has the latest of each training image by either network. An image's is compared with all others' in the
    other network's memory, or with 16,384 drawn for each batch where there are more.

    Two images, the only ones; representations and memories r and -r for both networks. Cosines over temperature 0.5 are 2 for the
    image itself and -2 for the other, so that P is exp(2) and exp(-2) over their sum, 0.982 and 0.018. The noise has 1/2:
    -log(0.982 / 1.482) - log(0.5 / 0.518) = 0.446890, once for each network, and 0.25 * 2 * 0.446890 = 0.223445.

    >>> from torch import nn, tensor
    >>> seen = Seen(tensor([[0.0], [0.0]]), embedding=tensor([[1.0], [-1.0]]))
    >>> loss = CRD(seen[:1], seen[:1], 2, contrast_weight=0.25, contrast_temperature=0.5)
    >>> for own in (loss.student, loss.teacher):
    ...     _ = nn.init.ones_(own.weight), nn.init.zeros_(own.bias)
    >>> for memory in (loss.of_student, loss.of_teacher):
    ...     _ = memory.copy_(tensor([[1.0], [-1.0]]) / 128**0.5)
    >>> batch = Batch(inputs=None, labels=tensor([0, 1]), index=tensor([0, 1]), step=0)
    >>> round(float(loss(seen, seen, batch)["contrast"].detach()), 5)
    0.22345

    Args:
        student: what the student shows of any example.
        teacher: what the teacher shows of it.
        images: how many there are to train on.

    Differs: the authors draw 16,384 other images for each image, with repetitions where there are fewer.
    """

    def __init__(
        self,
        student: Seen,
        teacher: Seen,
        images: int,
        *,
        contrast_weight: Annotated[
            float, Knob(_("Weight beside the labels"), low=0.01, high=10, step=0.01, logarithmic=True, symbol=r"\lambda")
        ] = 0.8,
        contrast_temperature: Annotated[
            float, Knob(_("How sharply representations are told apart"), low=0.05, high=1, step=0.01, symbol=r"\tau")
        ] = 0.07,
    ) -> None:
        super().__init__()
        self.contrast_weight, self.temperature = contrast_weight, contrast_temperature
        self.student, self.teacher = (nn.Linear(seen.embedding.shape[1], SIZE) for seen in (student, teacher))
        self.register_buffer("of_student", unit_vectors(torch.randn(images, SIZE)))
        self.register_buffer("of_teacher", unit_vectors(torch.randn(images, SIZE)))
        # What exp(cosine / temperature) sums to over all images, as the first batch has it; not a number before.
        self.register_buffer("log_sums", torch.full((2,), math.nan))

    def forward(self, student: Seen, teacher: Seen, batch: Batch) -> dict[str, Tensor]:
        """Return `contrast`, 0-d: contrast_weight * how badly images are told apart by either network, the mean over examples."""
        own = unit_vectors(self.student(student.embedding))
        others = unit_vectors(self.teacher(teacher.embedding.detach()))
        compared = self._compared(batch.index)
        pairs = enumerate(((own, self.of_teacher), (others, self.of_student)))
        contrast = sum(self._contrast(place, *pair, batch.index, compared) for place, pair in pairs)
        for memory, latest in ((self.of_student, own), (self.of_teacher, others)):
            mixed = MOMENTUM * memory[batch.index] + (1 - MOMENTUM) * latest.detach()
            memory[batch.index] = unit_vectors(mixed)
        return {"contrast": self.contrast_weight * contrast}

    def _compared(self, index: Tensor) -> Tensor:
        """Return positions (M,) of the images that those of a batch (B,) are told from, themselves perhaps among them."""
        images = len(self.of_student)
        if images <= MOST_NEGATIVES + 1:
            return torch.arange(images, device=index.device)
        return torch.randint(images, (MOST_NEGATIVES,), device=index.device)

    def _contrast(self, place: int, anchors: Tensor, memory: Tensor, index: Tensor, compared: Tensor) -> Tensor:
        """Return how badly anchors (B, D) tell their images (B,) from others (M,) in a memory (N, D): 0-d, the mean over B."""
        itself = (anchors * memory[index]).sum(1) / self.temperature
        rest = anchors @ memory[compared].T / self.temperature
        images = len(memory)
        first = rest.detach().logsumexp((0, 1)) - math.log(rest.numel() / images)
        self.log_sums[place] = torch.where(self.log_sums[place].isnan(), first, self.log_sums[place])
        noise = self.log_sums[place] + math.log(max(1, min(images - 1, MOST_NEGATIVES)) / images)
        other = index[:, None] != compared
        found = functional.softplus(noise - itself) + (functional.softplus(rest - noise) * other).sum(1)
        return found.mean()
