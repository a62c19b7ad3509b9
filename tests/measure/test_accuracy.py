"""The bootstrap and the verdict against closed forms and a plain resampling loop."""

import random

import pytest
import torch

from compression.measure.accuracy import bootstrap
from compression.measure.verdict import verdict


def test_one_seed_gives_the_interval_of_a_proportion():
    right = torch.zeros(1, 1000)
    right[0, :900] = 1
    spread = bootstrap(right)
    error = 1.96 * (0.9 * 0.1 / 1000) ** 0.5
    assert spread.mean == pytest.approx(0.9)
    assert spread.low == pytest.approx(0.9 - error, abs=0.003)
    assert spread.high == pytest.approx(0.9 + error, abs=0.003)


def test_seeds_and_images_vary_together_as_in_a_plain_loop():
    generator = torch.Generator().manual_seed(1)
    rates = torch.tensor([0.7, 0.8, 0.9])[:, None]
    right = (torch.rand(3, 40, generator=generator) < rates).double()
    chance = random.Random(0)
    means = []
    for _ in range(4000):
        seeds = [chance.randrange(3) for _ in range(3)]
        images = [chance.randrange(40) for _ in range(40)]
        means.append(float(right[seeds][:, images].mean()))
    means.sort()
    spread = bootstrap(right)
    assert spread.low == pytest.approx(means[100], abs=0.015)
    assert spread.high == pytest.approx(means[3899], abs=0.015)
    images_only = bootstrap(right.mean(0, keepdim=True))
    assert spread.high - spread.low > images_only.high - images_only.low


def test_it_is_the_same_each_time():
    right = torch.rand(2, 50, generator=torch.Generator().manual_seed(0)) < 0.5
    assert bootstrap(right) == bootstrap(right)


def rows(*rates: float) -> torch.Tensor:
    return torch.stack([torch.arange(1000) < round(1000 * rate) for rate in rates])


@pytest.mark.parametrize(
    ("ours", "theirs", "tolerance", "answer"),
    [
        (rows(0.95, 0.96), rows(0.90, 0.90), 0.0, "yes"),
        (rows(0.90, 0.90), rows(0.95, 0.96), 0.0, "no"),
        (rows(0.90, 0.90), rows(0.90, 0.90), 0.0, "inconclusive"),
        (rows(0.96, 0.90), rows(0.93, 0.93), 0.0, "inconclusive"),
        (rows(0.90, 0.90), rows(0.90, 0.90), 0.01, "yes"),
        (rows(0.85, 0.85), rows(0.90, 0.90), 0.01, "no"),
        (rows(0.89, 0.89), rows(0.90, 0.90), 0.01, "inconclusive"),
    ],
)
def test_the_answer_follows_the_whole_interval(ours, theirs, tolerance, answer):
    found = verdict(ours, theirs, claim="x", tolerance=tolerance)
    assert found["answer"] == answer
    assert found["difference"] == pytest.approx(float(ours.double().mean() - theirs.double().mean()))
    assert found["interval"][0] <= found["difference"] <= found["interval"][1]
    assert found["seeds"] == 2
