"""The difference of two runs: against scipy's t tests, and wider where less is known."""

import math

import pytest
import torch
from scipy import stats

from compression.measure.between_runs import difference, difference_of_accuracies
from compression.measure.interval import RULE_OF_THREE

IMAGES = 400


def right(accuracy: float, seeds: list[int], *, stream: int = 0) -> dict[int, torch.Tensor]:
    generator = torch.Generator().manual_seed(stream)
    return {seed: torch.rand(IMAGES, generator=generator) < accuracy + 0.01 * (place % 3) for place, seed in enumerate(seeds)}


def test_the_same_networks_do_not_differ_and_images_they_share_make_it_certain() -> None:
    ours = right(0.9, [0, 1, 2, 3, 4])
    same = difference(ours, ours)
    assert (same.mean, same.low, same.high) == pytest.approx((0, -RULE_OF_THREE / IMAGES, RULE_OF_THREE / IMAGES))
    worse = {seed: one.clone() for seed, one in ours.items()}
    for one in worse.values():
        one[one.nonzero()[:24, 0]] = False
    image_by_image = difference(ours, worse)
    alone = difference_of_accuracies(*({s: float(o.double().mean()) for s, o in one.items()} for one in (ours, worse)), IMAGES)
    assert image_by_image.mean == pytest.approx(24 / IMAGES) == alone.mean
    assert image_by_image.low > 0 > alone.low


def test_the_same_seeds_are_paired_and_other_seeds_are_not() -> None:
    ours, others = {0: 0.90, 1: 0.92, 2: 0.97}, {0: 0.88, 1: 0.91, 2: 0.95}
    images = 10**9  # so many that seeds alone count
    paired = stats.ttest_rel(list(ours.values()), list(others.values())).confidence_interval(0.95)
    found = difference_of_accuracies(ours, others, images)
    assert (found.low, found.high) == pytest.approx((paired.low, paired.high), abs=1e-4)
    apart = difference_of_accuracies(ours, {seed + 3: accuracy for seed, accuracy in others.items()}, images)
    half = stats.t.ppf(0.975, 2) * math.sqrt(sum(stats.tvar(list(one.values())) / 3 for one in (ours, others)))
    assert (apart.mean, apart.high - apart.mean) == pytest.approx((found.mean, half), abs=1e-4)


def test_other_seeds_still_share_their_images() -> None:
    ours = right(0.9, [0, 1, 2])
    elsewhere = {seed + 3: one for seed, one in ours.items()}
    accuracies = {seed: float(one.double().mean()) for seed, one in ours.items()}
    found = difference(ours, elsewhere)
    half = stats.t.ppf(0.975, 2) * math.sqrt(2 * stats.tvar(list(accuracies.values())) / 3)
    assert found.mean == 0
    assert found.high == pytest.approx(math.hypot(half, RULE_OF_THREE / IMAGES))
