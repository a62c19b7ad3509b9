"""The interval against scipy's, and where nothing varied."""

import math

import pytest
import torch
from scipy import stats

from compression.measure.interval import interval


def rows(*rates: float, images: int = 1000) -> torch.Tensor:
    return torch.stack([torch.arange(images) < round(images * rate) for rate in rates])


@pytest.mark.parametrize("right", [0, 1, 25, 450, 499, 500])
def test_one_network_has_the_score_interval_of_a_proportion(right: int) -> None:
    found = interval((torch.arange(500) < right)[None])
    reference = stats.binomtest(right, 500).proportion_ci(method="wilson")
    assert found.mean == pytest.approx(right / 500)
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=1e-12)
    assert found.low <= found.mean <= found.high


def test_seeds_alone_give_the_interval_of_a_t_test() -> None:
    means = torch.tensor([0.30, 0.32, 0.35, 0.31, 0.36], dtype=torch.double)
    found = interval(means[:, None].expand(5, 1_000_000))
    reference = stats.ttest_1samp(means.numpy(), 0).confidence_interval(0.95)
    assert (found.low, found.high) == pytest.approx((reference.low, reference.high), abs=1e-6)


def test_images_alone_give_theirs_with_the_t_of_the_seeds() -> None:
    values = torch.randn(1, 400, generator=torch.Generator().manual_seed(0), dtype=torch.double) / 5
    found = interval(values.expand(3, -1))
    half = stats.t.ppf(0.975, 2) * stats.sem(values[0].numpy())
    assert found.high - found.mean == pytest.approx(math.hypot(half, -math.log(0.05) / 400))


def test_both_variances_add_up() -> None:
    values = torch.randn(4, 300, generator=torch.Generator().manual_seed(1), dtype=torch.double) / 9
    array = values.numpy()
    variance = array.mean(1).var(ddof=1) / 4 + array.mean(0).var(ddof=1) / 300
    found = interval(values)
    assert found.high - found.mean == pytest.approx(math.hypot(stats.t.ppf(0.975, 3) * variance**0.5, -math.log(0.05) / 300))


@pytest.mark.parametrize("seeds", [1, 2, 5])
@pytest.mark.parametrize("images", [1, 50, 500])
def test_where_nothing_varied_the_rule_of_three_remains(seeds: int, images: int) -> None:
    found = interval(torch.zeros(seeds, images))
    assert found.high == pytest.approx(min(1, 2.9957 / images), rel=1e-4)
    assert found.low == -found.high


@pytest.mark.parametrize("rates", [(0.0,), (1.0,), (1.0, 1.0), (0.0, 0.0, 0.0)])
def test_an_accuracy_stays_between_none_and_all_and_has_a_width(rates: tuple[float, ...]) -> None:
    found = interval(rows(*rates, images=500))
    assert 0 <= found.low < found.high <= 1
    assert found.high - found.low == pytest.approx(0.007, abs=0.002)
