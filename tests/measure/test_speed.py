"""Latencies compared, on constructed samples: disturbances, and the interval of a ratio against scipy's for a median."""

import numpy as np
import pytest
from scipy.stats import quantile_test

from compression.measure.speed import disturbed, same_structure, speedup


def figures(blocks: list[float], p95: float | None = None) -> dict:
    median = float(np.median(blocks))
    return {"median": median, "p95": 1.4 * median if p95 is None else p95, "blocks": blocks}


@pytest.mark.parametrize("count", [6, 9, 20, 27])
def test_the_interval_of_a_ratio_is_the_sign_tests_for_the_median_of_ratios_in_turn(count: int) -> None:
    noise = np.random.default_rng(count).lognormal(0, 0.2, (2, count))
    before, after = 3 * noise[0], noise[1]
    found = speedup(figures([*before]), figures([*after]))
    expected = quantile_test(before / after, q=0, p=0.5).confidence_interval(0.95)
    assert found.times == pytest.approx(np.median(before) / np.median(after))
    assert (found.low, found.high) == pytest.approx((expected.low, expected.high))


def test_what_slows_both_networks_down_at_once_widens_no_interval() -> None:
    slowed = np.linspace(1, 1.4, 10)
    found = speedup(figures([*(3 * slowed)]), figures([*slowed]))
    assert [*found] == pytest.approx([3, 3, 3])


def test_the_interval_holds_the_ratio_that_is_told() -> None:
    found = speedup({"median": 4.0, "blocks": [3.0] * 8}, {"median": 1.0, "blocks": [1.0] * 8})
    assert tuple(found) == (4, 3, 4)


def test_few_blocks_and_results_of_an_earlier_version_have_no_interval() -> None:
    assert speedup(figures([3.0] * 5), figures([1.0] * 5)) is None
    assert speedup({"median": 3.0}, figures([1.0] * 9)) is None


@pytest.mark.parametrize(
    ("told", "expected"),
    [
        (figures([0.125] * 20), False),
        (figures([0.125] * 20, p95=1.2), False),
        (figures([0.125] * 20, p95=1.3), True),
        (figures([0.125] * 12 + [0.25] * 8), True),
        (figures([0.125] * 19 + [3.0]), False),  # one slow block moves no median
        ({"median": 0.251, "p95": 17.0}, True),
        ({"median": 0.251, "p95": 0.4}, False),
        ({"median": 0.251}, False),
        ({}, False),
    ],
)
def test_when_a_machine_was_disturbed(told: dict, expected: bool) -> None:
    assert disturbed(told) is expected


def test_the_same_structure_is_the_same_layers_whatever_the_weights() -> None:
    model = {"architecture": {"name": "cnn", "width": 4}, "parameters": 1730, "macs": 9000, "nonzero": 1730}
    assert same_structure(model, model | {"nonzero": 300})
    assert not same_structure(model, model | {"macs": 8000})
    assert not same_structure(model, model | {"architecture": {"name": "mlp"}})
    assert not same_structure({}, {})
