"""How often the verdict says yes or no: between equals, which is an error, and where there is a difference, its power."""

from collections.abc import Iterator

import torch
from torch import Tensor

from benchmarks.figures import Figure
from compression.measure.verdict import verdict

COMPARISONS = 2000
IMAGES = 500
SEEDS = (2, 3, 5, 10)
# Deviations of the log-odds of being right. Single images differ most; seeds by about a point of accuracy at 90 %.
DIFFICULTY, SEED, ROLE_AND_IMAGE = 2.0, 0.15, 1.0
NOISES = {
    "seeds": (SEED, 0.0),
    "images": (0.0, ROLE_AND_IMAGE),
    "both": (SEED, ROLE_AND_IMAGE),
    "both, seeds four times as strong": (4 * SEED, ROLE_AND_IMAGE),
}
AVERAGE_LOG_ODDS = 3.0  # about 90 % right
CHUNK = 100


def measure() -> Iterator[Figure]:
    """Yield the share of comparisons that say yes or no, by noise, seeds and true difference."""
    for difference in (0.0, 0.01, 0.02, 0.04):
        for noise in NOISES:
            shares = decided(noise, difference)
            yield Figure(
                f"Verdicts at a true difference of {100 * difference:g} points, noise of {noise}",
                ", ".join(f"{100 * share:.1f} % at {seeds} seeds" for seeds, share in shares.items()),
                "at most 5 %" if not difference else "",
                f"{COMPARISONS} simulated comparisons, {IMAGES} images, about 90 % right",
            )


def decided(noise: str, difference: float = 0.0) -> dict[int, float]:
    """Return for each number of seeds the share of simulated comparisons that say yes or no."""
    counts = dict.fromkeys(SEEDS, 0)
    for better, worse in comparisons(noise, difference):
        for seeds in SEEDS:
            counts[seeds] += verdict(better[:seeds], worse[:seeds], claim="")["answer"] != "inconclusive"
    return {seeds: count / COMPARISONS for seeds, count in counts.items()}


def comparisons(noise: str, difference: float) -> Iterator[tuple[Tensor, Tensor]]:
    """Yield pairs of bool (seeds, images): two roles right on the same images for the most part, as networks are.

    The log-odds of being right are the sum of what an image, a role at this image, a seed, and a role at this seed add. A
    share of the second role's right answers, chosen at random, is then made wrong, which makes the difference.
    """
    by_seed, by_image = NOISES[noise]
    generator = torch.Generator().manual_seed(list(NOISES).index(noise))
    most = max(SEEDS)
    for _chunk in range(COMPARISONS // CHUNK):
        odds = AVERAGE_LOG_ODDS + DIFFICULTY * torch.randn(CHUNK, 1, 1, IMAGES, generator=generator)
        odds = odds + by_image * torch.randn(CHUNK, 2, 1, IMAGES, generator=generator)
        odds = odds + by_seed * torch.randn(CHUNK, 1, most, 1, generator=generator)
        odds = odds + by_seed * torch.randn(CHUNK, 2, most, 1, generator=generator)
        right = torch.rand(CHUNK, 2, most, IMAGES, generator=generator) < torch.sigmoid(odds)
        share_right = float(right.float().mean())
        spoiled = torch.rand(CHUNK, most, IMAGES, generator=generator) < difference / share_right
        right[:, 1] &= ~spoiled
        yield from ((pair[0], pair[1]) for pair in right)
