"""FitNets against a mean over every example, channel and pixel written out here, and what becomes of its convolution."""

import math
import statistics

import pytest
import torch

from compression.distillation import Seen
from compression.distillation.fitnets import FitNets
from compression.errors import SpecError
from tests.distillation.features import NO_BATCH, maps


@pytest.mark.parametrize(("own", "others"), [(4, 4), (4, 2), (2, 4)])
def test_against_the_equation(own, others):
    student, teacher = maps((2, 3, own, own), seed=0), maps((2, 4, others, others), seed=1)
    loss = FitNets(student, teacher, hint_weight=7.0, stage=1).double()
    mixture, norm = loss.regressor
    with torch.no_grad():
        norm.weight.uniform_(0.5, 2.0)
        norm.bias.uniform_(-1.0, 1.0)
    side = min(own, others)

    def averaged(image: torch.Tensor, row: int, column: int) -> float:
        step = image.shape[0] // side
        return float(image[row * step : (row + 1) * step, column * step : (column + 1) * step].mean())

    pixels = [(example, row, column) for example in range(2) for row in range(side) for column in range(side)]
    squares = []
    for channel in range(4):
        mixed = [
            sum(
                float(mixture.weight.detach()[channel, other, 0, 0]) * averaged(student.features[0][example, other], row, column)
                for other in range(3)
            )
            for example, row, column in pixels
        ]
        mean, variance = statistics.fmean(mixed), statistics.pvariance(mixed)
        for value, (example, row, column) in zip(mixed, pixels, strict=True):
            guess = float(norm.weight.detach()[channel]) * (value - mean) / math.sqrt(variance + norm.eps) + float(
                norm.bias.detach()[channel]
            )
            squares.append((guess - averaged(teacher.features[0][example, channel], row, column)) ** 2)
    assert float(loss(student, teacher, NO_BATCH)["hint"].detach()) == pytest.approx(7 * sum(squares) / len(squares))


def test_nothing_is_left_where_the_teachers_channels_are_the_mixture_that_the_convolution_makes_of_the_students():
    student = maps((8, 3, 4, 4), seed=0)
    mixture = maps((5, 3, 1, 1), seed=1).features[0]
    hint = torch.einsum("oc,bchw->bohw", mixture[:, :, 0, 0], student.features[0])
    teacher = Seen(torch.empty(0), (hint,))
    loss = FitNets(student, teacher, hint_weight=1.0, stage=1).double()
    assert float(loss(student, teacher, NO_BATCH)["hint"].detach()) > 0.1
    scale = (hint.var((0, 2, 3), correction=0) + loss.regressor[1].eps).sqrt()
    found = {"regressor.0.weight": mixture, "regressor.1.weight": scale, "regressor.1.bias": hint.mean((0, 2, 3))}
    loss.load_state_dict(found)
    error = loss(student, teacher, NO_BATCH)["hint"]
    error.backward()
    assert float(error.detach()) < 1e-12
    assert float(loss.regressor[0].weight.grad.abs().max()) < 1e-9


def test_a_stage_that_is_not_there_is_a_sentence():
    student, teacher = (maps((1, 2, 4, 4), (1, 3, 4, 4), seed=0) for _ in range(2))
    with pytest.raises(SpecError, match="stage: 3 is not allowed; these two networks share 2 stages"):
        FitNets(student, teacher, hint_weight=1.0, stage=3)
