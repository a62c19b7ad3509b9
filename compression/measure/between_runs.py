"""How much more accurate the networks of one run are than those of another on the same test images, with its 95 % interval."""

import math
from collections.abc import Mapping, Sequence
from statistics import fmean, variance

import torch
from scipy.special import ndtri, stdtrit
from torch import Tensor

from compression.measure.interval import RULE_OF_THREE, TWO_SIDED, Interval, interval


def difference(ours: Mapping[int, Tensor], others: Mapping[int, Tensor]) -> Interval:
    """Return the difference of two runs' accuracies, image by image; over seeds in pairs where both have the same.

    The same seeds: `interval` of the paired differences, as in a verdict. Other seeds: the variances of both runs' seed means
    are added, and t has the degrees of freedom of the run with fewer seeds, which is cautious.

    Args:
        ours: whether each test image is classified correctly, bool (images,), by seed; at least one.
        others: the same of the other run, on the same images in the same order.

    Source: for other seeds Welch 1947, Biometrika 34(1-2), with the lower bound of its degrees of freedom.
    """
    seeds = list(ours)
    if set(ours) == set(others):
        return interval(_table(ours, seeds) - _table(others, seeds))
    images = _table(ours, seeds).mean(0) - _table(others, list(others)).mean(0)
    of_images = float(images.var()) / len(images) if len(images) > 1 else 0.0
    means = [{seed: float(right.double().mean()) for seed, right in one.items()} for one in (ours, others)]
    return _apart(*means, of_images=of_images, images=len(images))


def difference_of_accuracies(ours: Mapping[int, float], others: Mapping[int, float], images: int) -> Interval:
    """Return the difference of two runs' accuracies where which images are right is not known.

    The variance of the images is then a(1 - a) + b(1 - b), as if the runs erred independently; it is less where they err on
    the same images, so the interval is too wide rather than too narrow.

    Args:
        ours: accuracies, 0 to 1, by seed; at least one.
        others: the same of the other run.
        images: how many images they were measured on.
    """
    of_images = sum(mean * (1 - mean) for mean in (fmean(ours.values()), fmean(others.values()))) / images
    return _apart(ours, others, of_images=of_images, images=images)


def _table(right: Mapping[int, Tensor], seeds: Sequence[int]) -> Tensor:
    return torch.stack([right[seed] for seed in seeds]).double()


def _apart(ours: Mapping[int, float], others: Mapping[int, float], *, of_images: float, images: int) -> Interval:
    means, seeds = [list(one.values()) for one in (ours, others)], min(len(ours), len(others))
    if set(ours) == set(others):
        means = [[ours[seed] - others[seed] for seed in ours]]
    of_seeds = sum(variance(one) / len(one) for one in means if len(one) > 1)
    quantile = float(stdtrit(seeds - 1, TWO_SIDED)) if seeds > 1 else float(ndtri(TWO_SIDED))
    half = math.sqrt(quantile**2 * (of_seeds + of_images) + (RULE_OF_THREE / images) ** 2)
    mean = fmean(ours.values()) - fmean(others.values())
    return Interval(mean, max(-1.0, mean - half), min(1.0, mean + half))
