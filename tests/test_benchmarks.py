"""How benchmarks tell their figures: a median with its spread, and nothing where noise hides it."""

import pytest

from benchmarks.figures import added_percent, alternate, spread


def test_a_figure_is_a_median_with_its_spread() -> None:
    assert spread([3.0, 1.0, 11.2], "ms", 1) == "3.0 ms (1.0 to 11.2)"
    assert spread([1000, 2000, 3000]) == "2,000 (1,000 to 3,000)"
    with pytest.raises(ValueError, match="three"):
        spread([1.0, 2.0])


def test_what_the_noise_hides_is_not_told_as_a_cost() -> None:
    unheard = [1.0] * 5
    assert added_percent([1.02, 1.01, 1.03, 1.02, 1.04], unheard) == "2.0 % (1.0 to 4.0)"
    assert added_percent([0.7, 1.4, 0.9, 0.81, 1.2], unheard).startswith("within the noise")


def test_jobs_take_turns_and_change_places() -> None:
    order: list[str] = []
    ticks = iter(range(100))
    first, second = alternate(lambda: order.append("a"), lambda: order.append("b"), rounds=3, clock=lambda: float(next(ticks)))
    assert "".join(order) == "baabba"
    assert first == second == [1.0] * 3
