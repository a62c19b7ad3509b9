"""What is said of a compression's curve where it is odd, and only there."""

from typing import Any

import pandas as pd
import pytest

from ui.compress.oddities import oddities
from ui.run.guessing import level

STEPS = [{"name": "prune", "sparsity": 0.8}, {"name": "quantize", "bits": 4, "scheme": "symmetric"}]


def points(accuracies: dict[float, float], sizes: list[int] | None = None) -> pd.DataFrame:
    sizes = sizes or [1000 + 500 * place for place in range(len(accuracies))]
    return pd.DataFrame({"value": [*accuracies], "accuracy": [*accuracies.values()], "size_bytes": sizes})


@pytest.mark.parametrize(
    ("curve", "original", "said"),
    [
        ({1: 0.3, 2: 0.7, 3: 0.8, 8: 0.9, 16: 0.97}, 0.98, []),
        ({1: 0.3, 2: 0.7, 3: 0.9, 8: 0.905, 16: 0.905}, 0.98, ["From 3 bits on", "pruning to 80 % sparsity has lost it"]),
        ({1: 0.5, 2: 0.505, 8: 0.51, 16: 0.51}, 0.98, ["Over all bits", "pruning to 80 % sparsity has lost it"]),
        ({1: 0.3, 2: 0.97, 8: 0.975, 16: 0.98}, 0.98, ["From 2 bits on", "more bits only make the file larger"]),
        ({1: 0.7, 2: 0.4, 4: 0.8, 8: 0.9, 16: 0.97}, 0.98, ["1 bit beats 2: it keeps the sign of every weight"]),
    ],
)
def test_over_bits(curve: dict[float, float], original: float, said: list[str]) -> None:
    told = " ".join(oddities(points(curve), "bits", original, STEPS))
    assert bool(told) == bool(said)
    assert all(words in told for words in said)


@pytest.mark.parametrize(
    ("curve", "sizes", "said"),
    [
        ({0: 0.98, 0.2: 0.97, 0.5: 0.9}, [15_000, 12_000, 9_000], []),
        ({0: 0.98, 0.2: 0.97, 0.5: 0.9}, [15_000, 15_000, 9_000], ["Up to 20 % sparsity the file stays as large"]),
        ({0: 0.98, 0.5: 0.8, 0.7: 0.9}, [15_000, 9_000, 6_000], ["not always worse before recovery, as at 70 % sparsity"]),
    ],
)
def test_over_sparsity(curve: dict[float, float], sizes: list[int], said: list[str]) -> None:
    told = " ".join(oddities(points(curve, sizes), "sparsity", 0.98, STEPS))
    assert bool(told) == bool(said)
    assert all(words in told for words in said)


@pytest.mark.parametrize("nothing", [{}, {4: 0.9}])
def test_nothing_is_said_of_a_curve_that_is_not_there(nothing: dict[float, Any]) -> None:
    assert oddities(points(nothing), "bits", 0.98, STEPS) == []
    assert oddities(points({1: 0.9, 2: 0.9}), "bits", None, STEPS) == []


def test_a_network_that_learned_nothing_has_no_odd_curve() -> None:
    flat = points({1: 0.1, 2: 0.1, 8: 0.1, 16: 0.1})
    assert "no better than guessing" in " ".join(oddities(flat, "bits", 0.104, STEPS, level({"dataset": {"name": "digits"}})))
    assert "pruning to 80 % sparsity" in " ".join(oddities(flat, "bits", 0.9, STEPS, level({"dataset": {"name": "digits"}})))
