"""Which settings cannot be told apart."""

import numpy as np
import pytest
from scipy.stats import ttest_rel

from compression.measure.best import best_cell, best_of

IMAGES = 300


def simulated(chances: list[float], seeds: int, generator: np.random.Generator, luck: float = 0.01) -> list[dict[int, float]]:
    """Return accuracies of settings whose networks are right on images of shared difficulty, with luck of training."""
    difficulty = generator.uniform(size=IMAGES)
    return [
        {seed: float((difficulty < np.clip(chance + luck * generator.standard_normal(), 0, 1)).mean()) for seed in range(seeds)}
        for chance in chances
    ]


@pytest.mark.parametrize("seeds", [2, 3, 5, 10])
@pytest.mark.parametrize("settings", [2, 5])
def test_equals_are_told_apart_in_at_most_one_sweep_of_twenty(seeds: int, settings: int) -> None:
    generator = np.random.default_rng(seeds)
    found = [best_of(simulated([0.9] * settings, seeds, generator), IMAGES) for _round in range(600)]
    assert sum(len(best.as_good) < settings for best in found) <= 0.05 * len(found)


def test_a_setting_that_is_much_worse_is_told_apart() -> None:
    generator = np.random.default_rng(0)
    found = [best_of(simulated([0.95, 0.95, 0.7], 5, generator), IMAGES) for _round in range(100)]
    assert all(best.as_good == [0, 1] and best.position in (0, 1) for best in found)


def test_by_hand() -> None:
    # Differences 0.3, 0.1: mean 0.2, variance 0.02; t(1) = 12.7 makes the interval reach far beyond zero.
    assert best_of([{0: 0.9, 1: 0.8}, {0: 0.6, 1: 0.7}], IMAGES).as_good == [0, 1]
    # The same mean without luck: sqrt(12.71² · (0.85 · 0.15 + 0.65 · 0.35) / 10,000 + (3.00 / 10,000)²) = 0.076 is below 0.2.
    assert best_of([{0: 0.85, 1: 0.85}, {0: 0.65, 1: 0.65}], 10_000).as_good == [0]


def test_two_settings_are_the_paired_t_test() -> None:
    generator = np.random.default_rng(0)
    for _round in range(200):
        one, other = 0.5 + 0.02 * generator.standard_normal((2, 4))
        other += 0.03
        told = len(best_of([dict(enumerate(one)), dict(enumerate(other))], 10**12).as_good) == 1
        assert told == (ttest_rel(one, other).pvalue < 0.05)


def test_many_settings_with_two_seeds_still_tell_a_wreck_from_the_best() -> None:
    generator = np.random.default_rng(0)
    found = best_of(simulated([0.95, 0.94, 0.9, 0.7, 0.4, 0.1], 2, generator), IMAGES)
    assert not {4, 5} & set(found.as_good)


def test_one_seed_tells_nothing_apart_and_seeds_are_paired() -> None:
    assert best_of([{0: 0.5}, {0: 0.99}], IMAGES) == best_of([{0: 0.5}, {0: 0.99, 1: 0.99}], IMAGES)
    assert best_of([{0: 0.5, 2: 0.6}, {0: 0.99, 1: 0.99}], IMAGES).seeds == 1
    assert best_of([{0: 0.5}, {0: 0.99}], IMAGES).as_good == [0, 1]
    assert best_of([{0: 0.5}, {0: 0.99}], IMAGES).position == 1


def cell(at: float, accuracies: list[float], role: str = "student") -> dict:
    rows = [{"seed": seed, "validation_accuracy": value} for seed, value in enumerate(accuracies)]
    return {"at": {"loss.temperature": at}, "models": {role: {"per_seed": rows}}, "images": {"validation": IMAGES}}


@pytest.mark.parametrize("role", ["student", "compressed"])
def test_the_best_cell_is_chosen_among_those_that_finished(role: str) -> None:
    unfinished = {"at": {"loss.temperature": 2}, "models": None, "images": None}
    cells = [cell(1, [0.4] * 5, role), unfinished, cell(4, [0.9] * 5, role), cell(8, [0.9, 0.89, 0.9, 0.9, 0.9], role)]
    found = best_cell(cells)
    assert found["at"] == {"loss.temperature": 4}
    assert [at["loss.temperature"] for at in found["as_good"]] == [4, 8]
    assert (found["seeds"], found["images"], found["finished"]) == (5, IMAGES, 3)
    assert best_cell(cells[:2]) is None
