"""NST against sums over all pairs of channels written out here, what it does not depend on, and the memory that it takes."""

import math

import pytest
import torch
from torch.utils._python_dispatch import TorchDispatchMode

from compression.distillation import Seen
from compression.distillation.nst import nst
from tests.distillation.features import NO_BATCH, halved, maps


def patterns(example: torch.Tensor, side: int) -> list[list[float]]:
    """The maps of one example (C, H, W), averaged down to a side, as lists of length 1."""
    found = []
    for channel in example:
        values = [float(value) for value in (halved(channel) if channel.shape[0] > side else channel).flatten()]
        length = math.sqrt(sum(value**2 for value in values))
        found.append([value / length for value in values])
    return found


def kernels(first: list[list[float]], second: list[list[float]]) -> float:
    """The mean of k(a, b) = (a · b)² over all pairs."""
    each = [sum(a * b for a, b in zip(one, other, strict=True)) ** 2 for one in first for other in second]
    return sum(each) / len(each)


def term(student: Seen, teacher: Seen, **knobs: object) -> float:
    return float(nst(student, teacher, NO_BATCH, **knobs)["selectivity"])


@pytest.mark.parametrize(("own", "others"), [(4, 4), (4, 2), (2, 4), (2, 2)])
@pytest.mark.parametrize(("channels", "other_channels"), [(2, 3), (7, 3), (2, 20)])
def test_against_the_sum_over_all_pairs_of_channels(own, others, channels, other_channels):
    student = maps((3, channels, own, own), (3, 5, 2, 2), seed=0)
    teacher = maps((3, other_channels, others, others), (3, 2, 2, 2), seed=1)
    expected = 0.0
    for stage, side in enumerate((min(own, others), 2)):
        for example in range(3):
            first, second = (patterns(seen.features[stage][example], side) for seen in (student, teacher))
            expected += (kernels(first, first) + kernels(second, second) - 2 * kernels(first, second)) / 3
    assert term(student, teacher, selectivity_weight=7.0) == pytest.approx(7 * expected)


@pytest.mark.parametrize("side", [2, 4])
def test_the_order_and_the_scales_of_channels_do_not_matter_and_copies_of_all_channels_neither(side):
    student, teacher = maps((3, 5, side, side), seed=0), maps((3, 4, side, side), seed=1)
    before = term(student, teacher)
    order, scales = torch.tensor([2, 0, 3, 1, 4]), torch.tensor([0.1, 2.0, -3.0, 1e4, 1e-4]).double().view(5, 1, 1)
    assert term(Seen(None, (student.features[0][:, order] * scales,)), teacher) == pytest.approx(before)
    assert term(student, Seen(None, (teacher.features[0].repeat(1, 3, 1, 1),))) == pytest.approx(before)


def test_channels_that_are_zero_have_finite_gradients():
    features = maps((2, 3, 4, 4), seed=0).features[0]
    features[:, 1] = 0
    features.requires_grad_()
    nst(Seen(None, (features,)), maps((2, 3, 4, 4), seed=1), NO_BATCH)["selectivity"].backward()
    assert torch.isfinite(features.grad).all()
    assert bool(features.grad.any())


class Largest(TorchDispatchMode):
    """Notes the most numbers that a tensor has which an operation returns."""

    numbers = 0

    def __torch_dispatch__(self, operation, types, args=(), kwargs=None):
        given = operation(*args, **(kwargs or {}))
        for found in given if isinstance(given, (tuple, list)) else [given]:
            self.numbers = max(self.numbers, found.numel() if isinstance(found, torch.Tensor) else 0)
        return given


@pytest.mark.parametrize(("channels", "side"), [(64, 4), (8, 32)])
def test_no_tensor_is_larger_than_the_maps_or_a_matrix_of_channels(channels, side):
    student, teacher = maps((4, channels, side, side), seed=0), maps((4, 2 * channels, side, side), seed=1)
    with Largest() as watched:
        nst(Seen(None, (student.features[0].requires_grad_(),)), teacher, NO_BATCH)["selectivity"].backward()
    assert watched.numbers <= 4 * 2 * channels * max(2 * channels, side**2)
