"""Accuracy on the test split with an interval that counts both the seeds and the images drawn."""

from dataclasses import dataclass

import torch
from torch import Tensor

RESAMPLES = 4000
CHUNK_NUMBERS = 20_000_000
COVERAGE = 0.95


@dataclass(frozen=True)
class Interval:
    """A mean and its 95 % interval."""

    mean: float
    low: float
    high: float


def bootstrap(values: Tensor, *, resamples: int = RESAMPLES, seed: int = 0) -> Interval:
    """Return the mean of values over seeds and images, with its 95 % percentile interval.

    Seeds and images are resampled together, each with replacement: a pigeonhole bootstrap, on the safe side where the two
    interact. One seed leaves the images alone to vary.

    Args:
        values: (seeds, images), such as 1.0 where a network is right, or the difference of two networks.

    Source: Owen 2007, "The pigeonhole bootstrap", Annals of Applied Statistics 1(2); Efron 1979.
    """
    values = values.double().cpu()
    seeds, images = values.shape
    generator = torch.Generator().manual_seed(seed)
    means = []
    chunk = max(1, CHUNK_NUMBERS // images)
    for start in range(0, resamples, chunk):
        count = min(chunk, resamples - start)
        seed_weights = _weights(count, seeds, generator)
        image_weights = _weights(count, images, generator)
        means.append(((seed_weights @ values) * image_weights).sum(1) / (seeds * images))
    tail = (1 - COVERAGE) / 2
    low, high = torch.cat(means).quantile(torch.tensor([tail, 1 - tail], dtype=torch.double)).tolist()
    return Interval(float(values.mean()), low, high)


def _weights(resamples: int, size: int, generator: torch.Generator) -> Tensor:
    drawn = torch.randint(0, size, (resamples, size), generator=generator)
    return torch.zeros(resamples, size, dtype=torch.double).scatter_add_(
        1, drawn, torch.ones(1, dtype=torch.double).expand_as(drawn)
    )
