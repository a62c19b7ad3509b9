"""CRD against the probabilities of its equations, worked image by image, and what its memories keep."""

import math

import pytest
import torch

from compression.distillation import Batch, Seen, crd
from compression.distillation.crd import CRD
from compression.objective import build_objective

IMAGES = 7
INDEX = torch.tensor([4, 0, 5])


def points(seed: int, size: int) -> Seen:
    embedding = torch.randn(len(INDEX), size, generator=torch.Generator().manual_seed(seed))
    return Seen(torch.zeros(len(INDEX), 2), embedding=embedding)


STUDENT, TEACHER = points(0, 3), points(1, 5)
BATCH = Batch(torch.empty(0), torch.zeros(len(INDEX), dtype=torch.int64), INDEX, step=0)


def built(images: int = IMAGES) -> CRD:
    torch.manual_seed(0)
    return CRD(STUDENT[:1], TEACHER[:1], images, contrast_weight=2.0, contrast_temperature=0.3)


def represented(layer: torch.nn.Linear, seen: Seen) -> list[list[float]]:
    rows = (seen.embedding @ layer.weight.T + layer.bias).tolist()
    return [[value / math.hypot(*row) for value in row] for row in rows]


def expected(anchors: list[list[float]], memory: list[list[float]], scale: float | None = None) -> float:
    powers = [[math.exp(sum(a * b for a, b in zip(one, row, strict=True)) / 0.3) for row in memory] for one in anchors]
    scale = scale or sum(map(sum, powers)) / len(anchors)
    noise, total = (IMAGES - 1) / IMAGES, 0.0
    for place, row in zip(INDEX.tolist(), powers, strict=True):
        for image, power in enumerate(row):
            is_own = power / scale / (power / scale + noise)
            total -= math.log(is_own if image == place else 1 - is_own)
    return total / len(anchors)


def test_against_the_equations():
    loss = built()
    own, others = represented(loss.student, STUDENT), represented(loss.teacher, TEACHER)
    memories = loss.of_teacher.tolist(), loss.of_student.tolist()
    found = float(loss(STUDENT, TEACHER, BATCH)["contrast"].detach())
    assert found == pytest.approx(2 * (expected(own, memories[0]) + expected(others, memories[1])), rel=1e-4)


def test_memories_move_halfway_to_the_batch_and_nowhere_else_and_the_first_sums_stay():
    loss = built()
    before, own = loss.of_student.clone(), torch.tensor(represented(loss.student, STUDENT))
    loss(STUDENT, TEACHER, BATCH)
    mixed = before[INDEX] + own
    torch.testing.assert_close(loss.of_student[INDEX], mixed / mixed.norm(dim=1, keepdim=True))
    rest = [image for image in range(IMAGES) if image not in INDEX.tolist()]
    assert torch.equal(loss.of_student[rest], before[rest])
    sums = loss.log_sums.clone()
    memories = loss.of_teacher.tolist(), loss.of_student.tolist()
    again = float(loss(STUDENT, TEACHER, BATCH)["contrast"].detach())
    assert torch.equal(loss.log_sums, sums)
    own, others = represented(loss.student, STUDENT), represented(loss.teacher, TEACHER)
    both = [expected(*pair, math.exp(scale)) for *pair, scale in zip((own, others), memories, sums.tolist(), strict=True)]
    assert again == pytest.approx(2 * sum(both), rel=1e-4)


def test_the_memories_are_as_large_as_the_data_and_go_on_with_a_training():
    objective = build_objective({"name": "crd", "contrast_weight": 0.8, "contrast_temperature": 0.07})
    (loss,) = objective.build(STUDENT[:1], TEACHER[:1], images=IMAGES)
    assert {name: tuple(memory.shape) for name, memory in loss.named_buffers() if memory.ndim == 2} == {
        "of_student": (IMAGES, 128),
        "of_teacher": (IMAGES, 128),
    }
    loss(STUDENT, TEACHER, BATCH)
    (resumed,) = objective.build(STUDENT[:1], TEACHER[:1], images=IMAGES, seed=1)
    resumed.load_state_dict(loss.state_dict())
    assert torch.equal(*(each(STUDENT, TEACHER, BATCH)["contrast"] for each in (loss, resumed)))


def test_of_many_images_some_are_drawn_and_an_image_is_never_told_from_itself(monkeypatch):
    monkeypatch.setattr(crd, "MOST_NEGATIVES", 3)
    loss = built()
    assert loss._compared(INDEX).shape == (3,)
    monkeypatch.setattr(loss, "_compared", lambda index: INDEX[:1].repeat(3))
    alone = loss._contrast(0, loss.of_teacher[INDEX[:1]], loss.of_teacher, INDEX[:1], loss._compared(INDEX))
    noise = float(loss.log_sums[0]) + math.log(3 / IMAGES)
    assert float(alone) == pytest.approx(math.log1p(math.exp(noise - 1 / 0.3)))
