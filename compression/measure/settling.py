"""What would settle a verdict that is inconclusive: how many seeds, or how many test images."""

import math
from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

from scipy.special import stdtrit

from compression.measure.interval import RULE_OF_THREE, TWO_SIDED

CHANCE = 0.8  # that the comparison, made again with so many, says yes or no
MOST_SEEDS, MOST_IMAGES = 200, 10_000_000


class Settling(NamedTuple):
    """How many seeds, with the same test images, or how many images, with the same seeds, would do; None: no number does."""

    seeds: int | None
    images: int | None


def what_would_settle(found: Mapping[str, Any]) -> Settling | None:
    """Return what would settle a verdict in `CHANCE` of the cases if the difference is truly what was measured.

    A difference of one seed and one image is taken as a sum of what the seed, the image and both together bring; the variances
    of the three are estimated from the means of seeds and images. Among repeats with other numbers of seeds and images, the mean
    falls short of the truth by more than t(S - 1, CHANCE) standard errors in 1 - CHANCE of them; the rest has to reach beyond
    the half width of its interval.

    Args:
        found: a verdict of several seeds that says `inconclusive` and knows its `spread`; None of any other.

    Source: Lachin 1981, Controlled Clinical Trials 2(2), the sample size of a test of given power, with the quantiles of t and
    the interval of `measure.interval`; crossed random effects by moments: Owen 2007, Annals of Applied Statistics 1(2).
    """
    spread = found.get("spread")
    if found.get("answer") != "inconclusive" or found.get("reason") != "within_noise" or not spread or found["seeds"] < 2:
        return None
    distance = abs(found["difference"] + found.get("tolerance", 0.0))
    of_seeds = max(spread["seeds"] - spread["both"] / spread["count"], 0.0)
    of_images = max(spread["images"] - spread["both"] / found["seeds"], 0.0)

    def settles(seeds: int, images: int) -> bool:
        of_both = spread["both"] / (seeds * images)
        error = of_seeds / seeds + of_images / images + of_both
        told = error + of_both  # the interval counts what both bring twice
        half = math.sqrt(float(stdtrit(seeds - 1, TWO_SIDED)) ** 2 * told + (RULE_OF_THREE / images) ** 2)
        return distance > half + float(stdtrit(seeds - 1, CHANCE)) * math.sqrt(error)

    return Settling(
        _smallest(lambda seeds: settles(seeds, spread["count"]), found["seeds"], MOST_SEEDS),
        _smallest(lambda images: settles(found["seeds"], images), spread["count"], MOST_IMAGES),
    )


def _smallest(enough: Callable[[int], bool], low: int, high: int) -> int | None:
    """Return the smallest number above `low` that is enough, by bisection; None if `high` is not."""
    if not enough(high):
        return None
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
