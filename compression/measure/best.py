"""Which of several settings is best, and which cannot be told apart from it."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, variance
from typing import Any

from scipy.special import stdtrit

from compression.measure.interval import COVERAGE, RULE_OF_THREE


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

    Differences are paired by seed; their interval is mean ± t(S − 1) · sqrt(var(differences) / S + v / N), never narrower than
    the rule of three leaves. Which images are right is not known here: v = a(1 − a) + b(1 − b) is their variance if two
    networks erred independently, and more than it is if they err on the same images, so this is cautious. The level is
    divided by the number of comparisons (Bonferroni).

    Args:
        accuracies: of each setting, 0 to 1, by seed; at least one setting, each with at least one seed.
        images: how many images the accuracies were measured on.
    """
    means = [fmean(by_seed.values()) for by_seed in accuracies]
    best = max(range(len(means)), key=lambda place: means[place])
    level = 1 - (1 - COVERAGE) / (2 * max(1, len(means) - 1))
    as_good, fewest = [], len(accuracies[best])
    for place, by_seed in enumerate(accuracies):
        seeds = sorted(set(by_seed) & set(accuracies[best]))
        fewest = min(fewest, len(seeds))
        if place == best or not _differs(
            [accuracies[best][seed] - by_seed[seed] for seed in seeds], means, best, place, images, level
        ):
            as_good.append(place)
    return Best(best, as_good, fewest)


def _differs(differences: Sequence[float], means: Sequence[float], best: int, place: int, images: int, level: float) -> bool:
    count = len(differences)
    if count < 2:
        return False
    of_images = sum(mean * (1 - mean) for mean in (means[best], means[place])) / images
    quantile = float(stdtrit(count - 1, level))
    half = math.sqrt(quantile**2 * (variance(differences) / count + of_images) + (RULE_OF_THREE / images) ** 2)
    return fmean(differences) > half


def best_cell(cells: Sequence[Mapping[str, Any]]) -> dict[str, Any] | None:
    """Return which cell of a sweep is best on validation images, by which people choose; None before two have finished.

    Args:
        cells: as `runs.sweeping.outcomes` gives them.

    Returns:
        `at` of the best; `as_good`, the `at` of all that cannot be told apart from it; `seeds`; `images`, of the validation
        split; `finished`, how many cells there were to choose from.
    """
    done = [cell for cell in cells if cell.get("models") and (cell.get("images") or {}).get("validation")]
    if len(done) < 2:
        return None
    accuracies = [{row["seed"]: row["validation_accuracy"] for row in _outcome(cell)["per_seed"]} for cell in done]
    images = min(cell["images"]["validation"] for cell in done)
    found = best_of(accuracies, images)
    as_good = [done[place]["at"] for place in found.as_good]
    return {"at": done[found.position]["at"], "as_good": as_good, "seeds": found.seeds, "images": images, "finished": len(done)}


def _outcome(cell: Mapping[str, Any]) -> Mapping[str, Any]:
    models = cell["models"]
    return models["student"] if "student" in models else models["compressed"]
