"""Losses on relations between examples against plain loops, and the motions of all examples that leave relations as they are."""

import itertools
import math

import pytest
import torch

from compression.distillation import Seen, rkd
from compression.distillation.pkt import pkt
from compression.distillation.rkd import rkd as relational
from compression.distillation.similarity import similarity

EXAMPLES = 5


def points(seed: int, size: int, examples: int = EXAMPLES) -> torch.Tensor:
    return torch.randn(examples, size, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


STUDENT, TEACHER = points(0, 3), points(1, 4)


def rotation(size: int) -> torch.Tensor:
    turned, _triangle = torch.linalg.qr(points(9, size, size))
    return turned


def on_embedding(loss, student: torch.Tensor, teacher: torch.Tensor, **knobs: float) -> dict[str, torch.Tensor]:
    return loss(Seen(None, embedding=student), Seen(None, embedding=teacher), None, **knobs)


def on_maps(student: torch.Tensor, teacher: torch.Tensor, **knobs: float) -> dict[str, torch.Tensor]:
    student, teacher = (Seen(None, (rows.view(len(rows), -1, 1, 1),)) for rows in (student, teacher))
    return similarity(student, teacher, None, **knobs)


def total(terms: dict[str, torch.Tensor]) -> float:
    return float(sum(terms.values()).detach())


def huber(difference: float) -> float:
    return difference**2 / 2 if abs(difference) < 1 else abs(difference) - 0.5


def test_distances_against_loops():
    def table(rows: list[list[float]]) -> list[list[float]]:
        distances = [[math.dist(one, other) for other in rows] for one in rows]
        mean = sum(map(sum, distances)) / (EXAMPLES * (EXAMPLES - 1))
        return [[distance / mean for distance in row] for row in distances]

    own, others = table(STUDENT.tolist()), table(TEACHER.tolist())
    expected = sum(huber(a - b) for row, other in zip(own, others, strict=True) for a, b in zip(row, other, strict=True))
    found = on_embedding(relational, STUDENT, TEACHER, distance_weight=3.0)["distances"]
    assert float(found) == pytest.approx(3 * expected / EXAMPLES**2)


def cosine(rows: list[list[float]], one: int, middle: int, other: int) -> float:
    if middle in (one, other):
        return 0.0
    away = [[a - b for a, b in zip(rows[end], rows[middle], strict=True)] for end in (one, other)]
    lengths = [math.hypot(*each) for each in away]
    return sum(a * b for a, b in zip(*away, strict=True)) / (lengths[0] * lengths[1])


@pytest.mark.parametrize("at_once", [1, 60, 2**22])
def test_angles_against_loops_however_many_are_computed_at_once(monkeypatch, at_once):
    monkeypatch.setattr(rkd, "NUMBERS_AT_ONCE", at_once)
    own, others = STUDENT.tolist(), TEACHER.tolist()
    triples = itertools.product(range(EXAMPLES), repeat=3)
    expected = sum(huber(cosine(own, *triple) - cosine(others, *triple)) for triple in triples)
    student = STUDENT.clone().requires_grad_()
    found = on_embedding(relational, student, TEACHER, angle_weight=3.0)["angles"]
    assert float(found.detach()) == pytest.approx(3 * expected / EXAMPLES**3)
    found.backward()
    torch.testing.assert_close(student.grad, slopes(own, others))


def slopes(own: list[list[float]], others: list[list[float]], step: float = 1e-6) -> torch.Tensor:
    """The gradient of 3 times the mean over the angles, by differences."""

    def value(rows: list[list[float]]) -> float:
        triples = itertools.product(range(EXAMPLES), repeat=3)
        return 3 * sum(huber(cosine(rows, *triple) - cosine(others, *triple)) for triple in triples) / EXAMPLES**3

    found = torch.zeros(EXAMPLES, len(own[0]), dtype=torch.float64)
    for example, place in itertools.product(range(EXAMPLES), range(len(own[0]))):
        up, down = ([list(row) for row in own] for _ in range(2))
        up[example][place] += step
        down[example][place] -= step
        found[example, place] = (value(up) - value(down)) / (2 * step)
    return found


class Kept:
    """What a backward pass needs, as long as it is in memory."""

    numbers = most = 0

    def __init__(self, tensor: torch.Tensor) -> None:
        self.tensor = tensor
        Kept.numbers += tensor.numel()
        Kept.most = max(Kept.most, Kept.numbers)

    def __del__(self) -> None:
        Kept.numbers -= self.tensor.numel()


def test_angles_of_a_large_batch_are_never_all_in_memory(monkeypatch):
    examples = 48
    monkeypatch.setattr(rkd, "NUMBERS_AT_ONCE", 2 * examples**2)
    student = points(0, 3, examples).requires_grad_()
    with torch.autograd.graph.saved_tensors_hooks(Kept, lambda kept: kept.tensor):
        on_embedding(relational, student, points(1, 4, examples))["angles"].backward()
    assert 0 < Kept.most < examples**3
    assert bool(student.grad.any())


def test_equal_examples_have_no_direction_and_give_no_huge_gradient():
    student = torch.tensor([[1.0, 2.0], [1.0, 2.0], [3.0, 0.0], [0.5, 0.1]], requires_grad=True)
    sum(on_embedding(relational, student, torch.randn(4, 3, generator=torch.Generator().manual_seed(0))).values()).backward()
    assert torch.isfinite(student.grad).all()
    assert 0 < float(student.grad.abs().max()) < 1e3


def test_similarities_against_loops():
    def table(rows: list[list[float]]) -> list[list[float]]:
        products = [[sum(a * b for a, b in zip(one, other, strict=True)) for other in rows] for one in rows]
        return [[product / math.hypot(*row) for product in row] for row in products]

    own, others = table(STUDENT.tolist()), table(TEACHER.tolist())
    expected = sum((a - b) ** 2 for row, other in zip(own, others, strict=True) for a, b in zip(row, other, strict=True))
    assert total(on_maps(STUDENT, TEACHER, similarity_weight=7.0)) == pytest.approx(7 * expected / EXAMPLES**2)


def test_similarities_are_of_the_last_maps_whole():
    maps = [torch.randn(EXAMPLES, 2, side, side, generator=torch.Generator().manual_seed(side)) for side in (4, 3)]
    flat = [each.flatten(1).view(EXAMPLES, -1, 1, 1) for each in maps]
    seen = Seen(None, (maps[0], maps[1])), Seen(None, (maps[1], maps[0]))
    found = similarity(*seen, None)["similarity"]
    assert float(found) == pytest.approx(float(similarity(Seen(None, (flat[1],)), Seen(None, (flat[0],)), None)["similarity"]))


def test_affinities_against_loops():
    def table(rows: list[list[float]]) -> list[list[float]]:
        def near(one: list[float], other: list[float]) -> float:
            product = sum(a * b for a, b in zip(one, other, strict=True))
            return (1 + product / (math.hypot(*one) * math.hypot(*other))) / 2

        affinities = [[near(one, other) for other in rows] for one in rows]
        return [[affinity / sum(row) for affinity in row] for row in affinities]

    own, others = table(STUDENT.tolist()), table(TEACHER.tolist())
    expected = sum(p * math.log(p / q) for row, other in zip(others, own, strict=True) for p, q in zip(row, other, strict=True))
    found = total(on_embedding(pkt, STUDENT, TEACHER, affinity_weight=7.0))
    assert found == pytest.approx(7 * expected / EXAMPLES, rel=1e-5)


def test_affinities_weigh_the_same_in_batches_of_all_sizes():
    sizes = [total(on_embedding(pkt, points(0, 16, examples), points(1, 16, examples))) for examples in (64, 256)]
    assert sizes[0] == pytest.approx(sizes[1], rel=0.1)


@pytest.mark.parametrize("loss", [relational, pkt, similarity], ids=lambda loss: loss.__name__)
def test_what_is_turned_or_scaled_as_a_whole_keeps_its_relations(loss):
    def of(student: torch.Tensor, teacher: torch.Tensor) -> float:
        return total(on_maps(student, teacher) if loss is similarity else on_embedding(loss, student, teacher))

    plain = of(STUDENT, TEACHER)
    assert plain > 0.01
    assert of(STUDENT @ rotation(3), TEACHER @ rotation(4)) == pytest.approx(plain)
    assert of(20 * STUDENT, 0.1 * TEACHER) == pytest.approx(plain)
    assert of(STUDENT, torch.cat([STUDENT, torch.zeros(EXAMPLES, 2)], 1) @ rotation(5)) == pytest.approx(0, abs=1e-9)


def test_distances_and_angles_do_not_depend_on_where_all_examples_are():
    plain, moved = (total(on_embedding(relational, STUDENT + offset, TEACHER)) for offset in (0, 40))
    assert moved == pytest.approx(plain)
    assert total(on_embedding(pkt, STUDENT + 40, TEACHER)) != pytest.approx(total(on_embedding(pkt, STUDENT, TEACHER)))
