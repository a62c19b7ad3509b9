"""The 95 % interval of a mean over seeds and test images."""

import math
from dataclasses import dataclass

import torch
from scipy.special import ndtri, stdtrit
from torch import Tensor

COVERAGE = 0.95
TWO_SIDED = 0.5 + COVERAGE / 2
# What N images that never disagree leave open is this over N: the rule of three.
RULE_OF_THREE = -math.log(1 - COVERAGE)


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float


def interval(values: Tensor) -> Interval:
    """Return the mean over seeds and images with its 95 % interval, which is never of width 0.

    Several seeds: mean ± t(S − 1) · sqrt(var(seed means) / S + var(image means) / N). One seed leaves the images alone to vary,
    and its interval says nothing of other seeds: Wilson's score interval where values are right or wrong, the same with the
    normal quantile in place of t where they are differences. To the variance of the images is added that of
    (RULE_OF_THREE / t)² images that would have disagreed: where none did, ±3/N remains.

    Args:
        values: (seeds, images): bool, whether a network is right; or float, the difference of two such, -1 to 1.

    Source: Wilson 1927, JASA 22(158), for one seed; Hanley & Lippman-Hand 1983, JAMA 249(13), "If nothing goes wrong, is
    everything all right?", the rule of three; the sum of both variances: Owen 2007, Annals of Applied Statistics 1(2).
    """
    right_or_wrong = values.dtype == torch.bool
    values = values.double()
    seeds, images = values.shape
    mean = float(values.mean())
    if seeds == 1 and right_or_wrong:
        return _wilson(mean, images)
    quantile = float(stdtrit(seeds - 1, TWO_SIDED)) if seeds > 1 else float(ndtri(TWO_SIDED))
    of_images = float(values.mean(0).var()) / images if images > 1 else 0.0
    of_seeds = float(values.mean(1).var()) / seeds if seeds > 1 else 0.0
    half = math.sqrt(quantile**2 * (of_seeds + of_images) + (RULE_OF_THREE / images) ** 2)
    return Interval(mean, max(mean - half, 0.0 if right_or_wrong else -1.0), min(mean + half, 1.0))


def _wilson(share: float, images: int) -> Interval:
    z = float(ndtri(TWO_SIDED))
    centre = (images * share + z**2 / 2) / (images + z**2)
    half = z * math.sqrt(images * share * (1 - share) + z**2 / 4) / (images + z**2)
    # Where all images are right, rounding would put the mean outside by 1e-16.
    return Interval(share, max(0.0, min(share, centre - half)), min(1.0, max(share, centre + half)))
