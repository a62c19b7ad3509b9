"""Which of several settings is best, and which cannot be told apart from it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import Any

import numpy as np
from scipy.special import ndtri, stdtrit

from compression.measure.interval import COVERAGE, RULE_OF_THREE, TWO_SIDED


@dataclass(frozen=True)
class Best:
    """The best of several settings.

    Attributes:
        position: which one it is.
        as_good: the positions of those that cannot be told apart from it, itself among them; all where one seed ran.
        seeds: the fewest seeds that two settings were compared over.
    """

    position: int
    as_good: list[int]
    seeds: int


def best_of(accuracies: Sequence[Mapping[int, float]], images: int) -> Best:
    """Return the setting of the highest mean accuracy and those whose difference from it may be noise.

    Every setting runs with the same seeds, as in a randomised block design: what is left once the means of settings and of
    seeds are taken away gives the variance m of luck, with (K − 1)(S − 1) degrees of freedom for K settings and S seeds. A
    difference is told apart from noise if it is above t · sqrt(2m / S + v / N), and above what the rule of three leaves.
    Which images are right is not known here: v = a(1 − a) + b(1 − b) is their variance if two networks erred independently,
    and more than it is if they err on the same images. The level is divided by the number of comparisons (Bonferroni), so
    all of this is cautious. Two settings: the paired t test.

    Args:
        accuracies: of each setting, 0 to 1, by seed; at least one setting. Seeds that not all settings have do not count.
        images: how many images the accuracies were measured on.

    Source: Fisher 1935, The Design of Experiments, chapter 4 (blocks); Dunn 1961, JASA 56(293) (division of the level).
    """
    seeds = sorted(set.intersection(*(set(by_seed) for by_seed in accuracies)))
    means = [fmean(by_seed.values()) for by_seed in accuracies]
    best = max(range(len(means)), key=lambda place: means[place])
    everywhere = list(range(len(means)))
    if len(seeds) < 2 or len(means) < 2:
        return Best(best, everywhere, len(seeds))
    table = np.array([[by_seed[seed] for seed in seeds] for by_seed in accuracies])
    luck = table - table.mean(1, keepdims=True) - table.mean(0, keepdims=True) + table.mean()
    freedom = (len(means) - 1) * (len(seeds) - 1)
    of_seeds = 2 * float((luck**2).sum()) / freedom / len(seeds)
    quantile = float(stdtrit(freedom, 1 - (1 - COVERAGE) / (2 * (len(means) - 1))))

    def differs(place: int) -> bool:
        of_images = sum(mean * (1 - mean) for mean in (means[best], means[place])) / images
        half = math.sqrt(quantile**2 * (of_seeds + of_images) + (RULE_OF_THREE / images) ** 2)
        return float(table[best].mean() - table[place].mean()) > half

    return Best(best, [place for place in everywhere if place == best or not differs(place)], len(seeds))


def spread(accuracies: Sequence[float], images: int) -> tuple[float, float, float]:
    """Return the mean accuracy over seeds and its 95 % interval, where which images are right is not known.

    As `interval`, with a(1 − a) as the variance of the images, which is the most that it can be.

    Args:
        accuracies: 0 to 1, one a seed; one seed's interval covers the images alone.
        images: how many images they were measured on.
    """
    count, mean = len(accuracies), fmean(accuracies)
    quantile = float(stdtrit(count - 1, TWO_SIDED)) if count > 1 else float(ndtri(TWO_SIDED))
    of_seeds = variance(accuracies) / count if count > 1 else 0.0
    half = math.sqrt(quantile**2 * (of_seeds + mean * (1 - mean) / images) + (RULE_OF_THREE / images) ** 2)
    return mean, max(0.0, mean - half), min(1.0, mean + half)


def best_cell(cells: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return which cell of a sweep is best on validation images, by which people choose; None before two have finished.

    Args:
        cells: as `runs.sweeping.outcomes` gives them.

    Returns:
        `at` of the best; `as_good`, the `at` of all that cannot be told apart from it; `seeds`; `images`, of the validation
        split; `finished`, how many cells there were to choose from.
    """
    done = [cell for cell in cells if cell.get("models") and (cell.get("images") or {}).get("validation") and _by_seed(cell)]
    if len(done) < 2:
        return None
    accuracies = [_by_seed(cell) for cell in done]
    images = min(cell["images"]["validation"] for cell in done)
    found = best_of(accuracies, images)
    as_good = [done[place]["at"] for place in found.as_good]
    return {"at": done[found.position]["at"], "as_good": as_good, "seeds": found.seeds, "images": images, "finished": len(done)}


def _by_seed(cell: Mapping[str, Any]) -> dict[int, float]:
    """Return the validation accuracy of a cell's main role by seed; runs of earlier versions have none."""
    models = cell["models"]
    rows = (models["student"] if "student" in models else models["compressed"])["per_seed"]
    return {row["seed"]: row["validation_accuracy"] for row in rows if row.get("validation_accuracy") is not None}
