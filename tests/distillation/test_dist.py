"""DIST against correlations of the standard library, and what a correlation cannot see."""

import math
import statistics

import pytest
import torch

from compression.distillation import Batch, Seen
from compression.distillation.dist import dist

NO_BATCH = Batch(torch.empty(0), torch.empty(0), torch.empty(0), step=0)


def logits(seed: int, examples: int = 5, classes: int = 4) -> torch.Tensor:
    return 2 * torch.randn(examples, classes, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def softmax(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def terms(student: torch.Tensor, teacher: torch.Tensor, **knobs: float) -> dict[str, float]:
    return {name: float(term) for name, term in dist(Seen(student), Seen(teacher), NO_BATCH, **knobs).items()}


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_against_the_correlations_of_rows_and_of_columns(temperature):
    student, teacher = ([softmax(row, temperature) for row in logits(seed).tolist()] for seed in (0, 1))
    rows = statistics.fmean(map(statistics.correlation, student, teacher))
    columns = statistics.fmean(
        map(statistics.correlation, zip(*student, strict=True), zip(*teacher, strict=True)),
    )
    found = terms(logits(0), logits(1), temperature=temperature, example_weight=2.0, class_weight=3.0)
    assert found == pytest.approx({"examples": 2 * (1 - rows), "classes": 3 * (1 - columns)})


def test_at_high_temperature_the_rows_are_correlations_of_logits_not_less_of_them():
    rows = statistics.fmean(map(statistics.correlation, logits(0).tolist(), logits(1).tolist()))
    assert terms(logits(0), logits(1), temperature=1e4)["examples"] == pytest.approx(1 - rows, rel=1e-3)


def test_probabilities_that_are_mixed_with_equal_ones_correlate_fully():
    teacher = logits(1).softmax(1)
    student = 0.3 * teacher + 0.7 / 4
    assert terms(student.log(), teacher.log()) == pytest.approx({"examples": 0, "classes": 0}, abs=1e-9)


@pytest.mark.parametrize("examples", [1, 2])
def test_columns_of_fewer_than_three_examples_give_no_gradient(examples):
    student, teacher = logits(0, examples).requires_grad_(), logits(1, examples)
    dist(Seen(student), Seen(teacher), NO_BATCH)["classes"].backward()
    assert float(student.grad.abs().max()) < 1e-9


def test_constant_rows_and_columns_count_as_uncorrelated():
    student = torch.zeros(3, 10).requires_grad_()  # a tenth each, which float32 rounds
    found = dist(Seen(student), Seen(logits(1, 3, 10).float()), NO_BATCH)
    sum(found.values()).backward()
    assert {name: float(term.detach()) for name, term in found.items()} == {"examples": 1, "classes": 1}
    assert float(student.grad.abs().max()) == 0
