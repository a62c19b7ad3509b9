"""When a training counts as not converged."""

import numpy as np
import pytest

from compression.measure.convergence import STILL_FALLING, VALIDATION_RISING, convergence

EPOCHS = np.arange(40)
FLAT = [0.5] * 40


def test_a_loss_that_falls_to_the_end_has_not_converged():
    assert convergence(list(np.exp(-EPOCHS / 15)), FLAT) == STILL_FALLING
    assert convergence([1.0, 0.5], [1.0, 0.5]) == STILL_FALLING


def test_a_loss_that_has_levelled_off_has_converged():
    assert convergence(list(0.1 + np.exp(-EPOCHS / 3)), FLAT) is None
    assert convergence([1.0], [1.0]) is None


def test_noise_about_a_level_is_no_fall():
    noise = np.random.default_rng(0).normal(0, 0.05, (500, 40))
    assert np.mean([convergence(list(0.2 + row), FLAT) == STILL_FALLING for row in noise]) < 0.05


@pytest.mark.parametrize(("rise", "expected"), [(0.05, VALIDATION_RISING), (0.0, None), (-0.001, None)])
def test_a_validation_loss_that_rose_for_the_last_third_says_so(rise, expected):
    validation = [1 - 0.02 * epoch for epoch in range(27)] + [0.5 + rise * epoch for epoch in range(13)]
    assert convergence(FLAT, validation) == expected


def test_losses_of_zero_are_no_trend():
    assert convergence([0.0] * 10, [0.0] * 10) is None
