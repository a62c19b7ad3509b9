"""Knowledge review against its distance and its fusion written out here, and how its weight rises."""

import dataclasses

import pytest
import torch

from compression.distillation import Seen
from compression.distillation.review import Review
from tests.distillation.features import NO_BATCH, maps

LATE = dataclasses.replace(NO_BATCH, step=10_000)


def averages(image: torch.Tensor, side: int) -> torch.Tensor:
    """An image (H, W) averaged down to a side that divides its own."""
    step = image.shape[0] // side
    rows = [image[step * row : step * (row + 1)].mean(0) for row in range(side)]
    return torch.stack([torch.stack([row[step * place : step * (place + 1)].mean() for place in range(side)]) for row in rows])


def distance(own: torch.Tensor, others: torch.Tensor) -> float:
    """The hierarchical context loss of two maps (B, C, H, W), as sums over examples and channels."""
    side = own.shape[2]
    total = weights = 0.0
    for place, smaller in enumerate([side, *(size for size in (4, 2, 1) if size < side)]):
        squares = [
            float((averages(own[b, c], smaller) - averages(others[b, c], smaller)).square().mean())
            for b in range(own.shape[0])
            for c in range(own.shape[1])
        ]
        total += 0.5**place * sum(squares) / len(squares)
        weights += 0.5**place
    return total / weights


def resized(features: torch.Tensor, side: int) -> torch.Tensor:
    """Maps with pixels repeated or left out."""
    chosen = [place * features.shape[2] // side for place in range(side)]
    return features[:, :, chosen][:, :, :, chosen]


def normed(layers: torch.nn.Sequential, features: torch.Tensor) -> torch.Tensor:
    """What a convolution gives, with mean 0 and variance 1 in each channel, scaled and shifted."""
    convolution, norm = layers
    found = torch.nn.functional.conv2d(features, convolution.weight, padding=convolution.weight.shape[2] // 2)
    mean, variance = found.mean((0, 2, 3), keepdim=True), found.var((0, 2, 3), correction=0, keepdim=True)
    return (found - mean) / (variance + norm.eps).sqrt() * norm.weight.view(-1, 1, 1) + norm.bias.view(-1, 1, 1)


@pytest.mark.parametrize("sides", [(8, 8), (8, 4), (4, 8), (2, 4)])
def test_against_stages_fused_and_compared_here(sides):
    own, others = sides
    student = maps((3, 2, 2 * own, 2 * own), (3, 5, own, own), seed=0)
    teacher = maps((3, 4, 2 * others, 2 * others), (3, 3, others, others), seed=1)
    loss = Review(student, teacher, review_weight=7.0).double()
    with torch.no_grad():
        for name, tensor in loss.named_parameters():
            if name.endswith(("1.weight", "1.bias")):  # of the norms
                tensor.uniform_(0.5, 2.0)
        shallow, deep = loss.fusions
        behind = resized(normed(deep.enter, student.features[1]), others)
        expected = distance(normed(deep.leave, behind), teacher.features[1])
        entered, behind = normed(shallow.enter, student.features[0]), resized(behind, 2 * own)
        both = torch.cat([entered, behind], 1)
        scores = torch.einsum("oc,bchw->bohw", shallow.attention.weight[:, :, 0, 0], both) + shallow.attention.bias.view(2, 1, 1)
        first, second = (1 / (1 + (-scores[:, place : place + 1]).exp()) for place in (0, 1))
        fused = resized(first * entered + second * behind, 2 * others)
        expected += distance(normed(shallow.leave, fused), teacher.features[0])
    assert float(loss(student, teacher, LATE)["review"].detach()) == pytest.approx(7 * expected)


def test_the_last_stage_of_the_student_learns_from_the_first_of_the_teacher():
    student, teacher = maps((3, 2, 4, 4), (3, 5, 2, 2), seed=0), maps((3, 4, 4, 4), (3, 3, 2, 2), seed=1)
    loss = Review(student, teacher).double()
    deep = student.features[1].requires_grad_()
    given = list(loss._compared(student, teacher))
    (given[1][0] * teacher.features[0]).sum().backward()
    assert bool(deep.grad.any())


@pytest.mark.parametrize(("step", "share"), [(0, 0.25), (1, 0.5), (3, 1.0), (500, 1.0)])
def test_the_weight_rises_in_the_warm_up(step, share):
    student, teacher = maps((3, 2, 4, 4), seed=0), maps((3, 4, 4, 4), seed=1)
    loss = Review(student, teacher, warm_up=4).double()
    whole = float(loss(student, teacher, LATE)["review"].detach())
    found = float(loss(student, teacher, dataclasses.replace(NO_BATCH, step=step))["review"].detach())
    assert found == pytest.approx(share * whole)


def test_the_channels_in_which_stages_are_fused_are_bounded():
    student, teacher = Seen(None, (torch.zeros(1, 900, 2, 2),)), Seen(None, (torch.zeros(1, 4, 2, 2),))
    (fusion,) = Review(student, teacher).fusions
    assert fusion.enter[0].weight.shape == (512, 900, 1, 1)
