"""VID against torch's Gaussian likelihood of maps mixed here, and its variances, which learn."""

import copy

import pytest
import torch
from torch.nn import functional

from compression.distillation import Seen
from compression.distillation.vid import VID
from tests.distillation.features import NO_BATCH, halved, maps


def shrunk(features: torch.Tensor, side: int) -> torch.Tensor:
    if features.shape[2] == side:
        return features
    return torch.stack([torch.stack([halved(channel) for channel in example]) for example in features])


@pytest.mark.parametrize(("own", "others"), [(4, 4), (4, 2), (2, 4)])
def test_against_the_gaussian_likelihood_of_torch(own, others):
    student, teacher = maps((3, 2, own, own), (3, 5, 4, 4), seed=0), maps((3, 4, others, others), (3, 3, 4, 4), seed=1)
    loss = VID(student, teacher, information_weight=0.7, start_variance=2.0).double()
    expected = 0.0
    with torch.no_grad():
        for stage, (guess, side) in enumerate(zip(loss.guesses, (min(own, others), 4), strict=True)):
            guess.spread.uniform_(-1.0, 3.0)
            mean = shrunk(student.features[stage], side)
            for place in (0, 2, 4):
                mean = torch.einsum("oc,bchw->bohw", guess.mean[place].weight[:, :, 0, 0], mean)
                mean = mean.clamp_min(0) if place < 4 else mean
            variance = (torch.log1p(guess.spread.exp()) + 1e-5).view(1, -1, 1, 1).expand_as(mean)
            expected += functional.gaussian_nll_loss(mean, shrunk(teacher.features[stage], side), variance)
    assert float(loss(student, teacher, NO_BATCH)["information"].detach()) == pytest.approx(0.7 * float(expected))


@pytest.mark.parametrize("start", [0.1, 5.0, 50.0])
def test_every_variance_begins_where_the_knob_says(start):
    student, teacher = maps((1, 2, 4, 4), seed=0), maps((1, 3, 4, 4), seed=1)
    (guess,) = VID(student, teacher, start_variance=start).guesses
    assert guess.variance.tolist() == pytest.approx([start] * 3, rel=1e-5)


def test_variances_learn_to_be_the_mean_squared_error_of_their_channel():
    student = maps((16, 2, 2, 2), seed=0)
    noise = maps((16, 3, 2, 2), seed=1).features[0] * torch.tensor([0.3, 1.0, 2.0]).view(3, 1, 1)
    loss = VID(student, Seen(None, (noise,)), information_weight=1.0).double()
    (guess,) = loss.guesses
    errors = (guess.mean(student.features[0]).detach() - noise).square().mean((0, 2, 3))
    guess.mean.requires_grad_(False)
    optimizer = torch.optim.Adam(loss.parameters(), lr=0.2)
    for _step in range(300):
        optimizer.zero_grad()
        loss(student, Seen(None, (noise,)), NO_BATCH)["information"].backward()
        optimizer.step()
    assert guess.variance.tolist() == pytest.approx(errors.tolist(), rel=0.02)


def test_a_channel_that_cannot_be_followed_counts_less_once_its_variance_is_learned():
    student, teacher = maps((8, 2, 2, 2), seed=0), maps((8, 2, 2, 2), seed=1)
    loss = VID(student, teacher).double()
    sure = copy.deepcopy(loss)
    with torch.no_grad():
        sure.guesses[0].spread[1] = 10.0
    last = []
    for each in (loss, sure):
        each(student, teacher, NO_BATCH)["information"].backward()
        last.append(each.guesses[0].mean[4].weight.grad.abs().sum((1, 2, 3)))
    assert torch.allclose(last[0][0], last[1][0])
    assert float(last[1][1]) < 0.6 * float(last[0][1])
