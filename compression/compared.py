"""What the losses of a training compare within its two networks: which stages and embeddings, and their shapes."""

import functools
from collections.abc import Iterator
from typing import Any

import torch
from torch import Tensor, nn

from compression.data.arrays import Dataset
from compression.distillation import Batch, Seen
from compression.features import Layout, layout, paired
from compression.objective import Given, Objective

EXAMPLES = 4  # enough for a loss that compares examples with one another
Compared = list[dict[str, Any]]


def compared(
    objective: Objective | Given, student: nn.Module, teacher: nn.Module, dataset: Dataset, scheme: str = ""
) -> Compared:
    """Return for each loss that sees more than logits which layers of the two networks it compares.

    A loss is asked by its gradient: of all maps that it is shown, those are listed on which it depends.

    Args:
        scheme: the name of the scheme, of which a given loss is.

    Returns:
        A list of `loss`, its name (a scheme's where the loss is the scheme's own), and `layers`: pairs of `student` and
        `teacher`, each with `layer`, its name in the network, and `shape`, [C, H, W] or [D]; `stage`, from 1, of feature maps.
    """
    own, other = layout(student, dataset.shape), layout(teacher, dataset.shape)
    if isinstance(objective, Given):
        looks = paired(own, other, objective.needs)
        return [{"loss": scheme, "layers": list(_pairs(*looks))}] if objective.needs else []
    if not objective.looks_inside:
        return []
    looks = objective.looks(own, other)
    losses = objective.build(*(look.probe(dataset.classes) for look in looks), images=EXAMPLES)
    found = []
    for part, loss in zip(objective.parts, losses, strict=True):
        if part.entry.traits.get("needs"):
            used = _depends_on(loss, *looks, dataset.classes)
            found.append(
                {"loss": part.choice["name"], "layers": [pair for pair, on in zip(_pairs(*looks), used, strict=True) if on]}
            )
    return found


def _pairs(student: Layout, teacher: Layout) -> Iterator[dict[str, Any]]:
    for number, (own, other) in enumerate(zip(student.stages, teacher.stages, strict=True), 1):
        sides = {"student": own, "teacher": other}
        yield {
            "stage": number,
            **{side: {"layer": at.layer, "shape": [at.channels, at.height, at.width]} for side, at in sides.items()},
        }
    if student.classifier is not None and teacher.classifier is not None:
        sides = {"student": student, "teacher": teacher}
        yield {side: {"layer": look.classifier, "shape": [look.embedding]} for side, look in sides.items()}


def _depends_on(loss: Any, student: Layout, teacher: Layout, classes: int) -> list[bool]:
    """Return of each stage of the student, and of the embedding where there is one, whether the loss has a gradient on it."""
    generator = torch.Generator().manual_seed(0)
    draw = functools.partial(torch.randn, generator=generator)

    def seen(look: Layout) -> Seen:
        maps = tuple(draw(EXAMPLES, at.channels, at.height, at.width).requires_grad_() for at in look.stages)
        embedding = draw(EXAMPLES, look.embedding).requires_grad_() if look.classifier is not None else None
        return Seen(draw(EXAMPLES, classes).requires_grad_(), maps, embedding)

    shown, index = seen(student), torch.arange(EXAMPLES)
    batch = Batch(draw(EXAMPLES, 1, 1, 1), index % classes, index, 0)
    with torch.enable_grad():
        total: Tensor = sum(loss(shown, seen(teacher).detach(), batch).values())
        inside = [*shown.features, *([shown.embedding] if shown.embedding is not None else [])]
        return [gradient is not None for gradient in torch.autograd.grad(total, inside, allow_unused=True)]
