"""Attention transfer against sums over examples, channels and pixels written out here, and what it does not depend on."""

import math

import pytest
import torch

from compression.distillation import Seen
from compression.distillation.attention import attention
from tests.distillation.features import NO_BATCH, halved, maps


def unit_map(features: torch.Tensor, power: float, side: int) -> list[float]:
    """The attention map of one example (C, H, W), averaged down to a side, as a list of length 1."""
    strength = sum(channel.abs() ** power for channel in features) / len(features)
    strength = halved(strength) if strength.shape[0] > side else strength
    length = math.sqrt(sum(float(value) ** 2 for value in strength.flatten()))
    return [float(value) / length for value in strength.flatten()]


def term(student: Seen, teacher: Seen, **knobs: object) -> float:
    return float(attention(student, teacher, NO_BATCH, **knobs)["attention"])


@pytest.mark.parametrize(("own", "others"), [(4, 4), (4, 2), (2, 4)])
@pytest.mark.parametrize("power", [1.0, 2.0, 3.5])
@pytest.mark.parametrize("form", ["code", "paper"])
def test_against_the_equation(own, others, power, form):
    student = maps((3, 2, own, own), (3, 5, 4, 4), seed=0)
    teacher = maps((3, 4, others, others), (3, 2, 4, 4), seed=1)
    expected = 0.0
    for stage, side in enumerate((min(own, others), 4)):
        for example in range(3):
            pair = [unit_map(seen.features[stage][example], power, side) for seen in (student, teacher)]
            squares = sum((a - b) ** 2 for a, b in zip(*pair, strict=True))
            distance = squares if form == "code" else math.sqrt(squares) / 2
            expected += distance / side**2 / 3
    found = term(student, teacher, attention_weight=7.0, power=power, form=form)
    assert found == pytest.approx(7 * expected)


@pytest.mark.parametrize("form", ["code", "paper"])
def test_the_scale_of_a_networks_features_and_the_order_of_its_channels_do_not_matter(form):
    student, teacher = maps((3, 4, 4, 4), seed=0), maps((3, 6, 4, 4), seed=1)
    before = term(student, teacher, form=form)
    order = torch.tensor([2, 0, 3, 1])
    scales = torch.tensor([1e-4, 3.0, 1e4], dtype=torch.float64).view(3, 1, 1, 1)
    assert term(Seen(None, (student.features[0][:, order] * scales,)), teacher, form=form) == pytest.approx(before)
    assert term(student, Seen(None, (teacher.features[0] * 1e-9,)), form=form) == pytest.approx(before)


@pytest.mark.parametrize("power", [1.0, 1.5, 4.0])
@pytest.mark.parametrize("scale", [0.0, 1e-9, 1e9])
def test_features_that_are_all_zero_or_tiny_or_huge_have_finite_gradients(power, scale):
    features = (scale * maps((2, 3, 4, 4), seed=0).features[0].float()).requires_grad_()
    teacher = Seen(None, (maps((2, 3, 4, 4), seed=1).features[0].float(),))
    attention(Seen(None, (features,)), teacher, NO_BATCH, power=power)["attention"].backward()
    assert torch.isfinite(features.grad).all()
    assert bool(features.grad.any()) == (scale > 0)
