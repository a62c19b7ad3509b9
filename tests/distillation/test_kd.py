"""Hinton's loss against its equation, worked in float64 with nothing but exponentials."""

import math

import pytest
import torch

from compression.distillation import Batch, Seen
from compression.distillation.kd import kd
from compression.distillation.logit_difference import logit_difference

NO_BATCH = Batch(torch.empty(0), torch.empty(0), torch.empty(0), step=0)


def softmax(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0, 20.0])
@pytest.mark.parametrize("alpha", [0.0, 0.3, 1.0])
def test_against_the_equation(temperature, alpha):
    student = [[0.3, -1.2, 2.0], [1.5, 0.1, -0.4]]
    teacher = [[1.0, 0.0, 3.0], [-2.0, 0.5, 0.7]]
    soft = 0.0
    for ours, theirs in zip(student, teacher, strict=True):
        q, p = softmax(ours, temperature), softmax(theirs, temperature)
        soft += sum(a * math.log(a / b) for a, b in zip(p, q, strict=True)) / 2
    seen = Seen(torch.tensor(student)), Seen(torch.tensor(teacher))
    terms = kd(*seen, NO_BATCH, temperature=temperature, alpha=alpha)
    assert float(terms["soft"]) == pytest.approx(alpha * temperature**2 * soft, rel=1e-3, abs=1e-5)


def test_at_high_temperature_it_becomes_the_squared_logit_difference():
    """Hinton et al. 2015, equation 4: for zero-mean logits the gradient tends to that of half the squared difference over K."""
    generator = torch.Generator().manual_seed(0)
    student = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    teacher = torch.randn(4, 6, generator=generator, dtype=torch.float64)
    student, teacher = (logits - logits.mean(1, keepdim=True) for logits in (student, teacher))
    gradients = []
    for loss in (
        lambda logits: kd(Seen(logits), Seen(teacher), NO_BATCH, temperature=5000.0, alpha=1.0)["soft"],
        lambda logits: logit_difference(Seen(logits), Seen(teacher), NO_BATCH, alpha=1.0)["soft"] / 6,
    ):
        leaf = student.clone().requires_grad_()
        loss(leaf).backward()
        gradients.append(leaf.grad)
    assert torch.allclose(gradients[0], gradients[1], rtol=1e-2, atol=1e-6)
