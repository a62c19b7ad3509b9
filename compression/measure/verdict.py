"""Whether a difference is more than noise: yes, no, or inconclusive."""

from collections.abc import Sequence
from typing import Any

import torch
from torch import Tensor, nn

from compression.measure.interval import interval


def verdict(better: Tensor, worse: Tensor, *, claim: str, tolerance: float = 0.0, fixed: str | None = None) -> dict[str, Any]:
    """Return the answer to "the first is more accurate than the second", or loses at most `tolerance` against it.

    One seed never says yes or no: its interval covers the test images, not the luck of training.

    Args:
        better: whether the claimed winner is right, bool (seeds, images); seeds are paired with those of `worse`. Each
            seed is a network of its own: see `distinct`.
        worse: the same of the other network. Either may be (1, images): one network, compared with each seed of the other.
        tolerance: the loss of accuracy, 0 to 1, that the claim allows.
        fixed: the role that is one and the same network for all seeds (one teacher, one original): what did not vary.

    Returns:
        `claim`, `answer` ("yes" if the whole interval lies above minus the tolerance, "no" if it lies below, else
        "inconclusive"), `difference`, `interval` (95 %), `seeds`, `tolerance`, `fixed`, `reason`, why it is inconclusive:
        "no_difference" (both are right on the same images at every seed, and no loss is allowed), "one_seed", "within_noise",
        or None, and of several seeds `spread`: see `_spread`.
    """
    differences = better.double() - worse.double()
    spread = interval(differences)
    seeds = len(differences)
    above, below = spread.low > -tolerance, spread.high < -tolerance
    answer, reason = "inconclusive", "within_noise"
    if tolerance == 0 and not differences.any():
        reason = "no_difference"
    elif seeds == 1:
        reason = "one_seed"
    elif above or below:
        answer, reason = "yes" if above else "no", None
    return {
        "claim": claim,
        "answer": answer,
        "difference": spread.mean,
        "interval": [spread.low, spread.high],
        "seeds": seeds,
        "tolerance": tolerance,
        "fixed": fixed,
        "reason": reason,
        **({"spread": _spread(differences)} if seeds > 1 else {}),
    }


def _spread(differences: Tensor) -> dict[str, float]:
    """Return the variances of the means of `seeds` and `images`, of what neither explains (`both`), and the images' `count`."""
    seeds, images = differences.shape
    of_seeds, of_images = differences.mean(1, keepdim=True), differences.mean(0, keepdim=True)
    rest = differences - of_seeds - of_images + differences.mean()
    freedom = max((seeds - 1) * (images - 1), 1)
    return {
        "seeds": float(of_seeds.var()),
        "images": float(of_images.var()) if images > 1 else 0.0,
        "both": float(rest.square().sum()) / freedom,
        "count": images,
    }


def distinct(*roles: Sequence[nn.Module]) -> list[int]:
    """Return the positions of the seeds to count: those whose networks are not copies of an earlier seed's.

    Args:
        roles: for each role its network of each seed; a pair is a copy where the networks of all roles are.
    """
    pairs = [[model.state_dict() for model in pair] for pair in zip(*roles, strict=True)]
    found: list[int] = []
    for position, pair in enumerate(pairs):
        if not any(all(map(_equal, pair, pairs[earlier])) for earlier in found):
            found.append(position)
    return found


def _equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(tensor, other[name]) for name, tensor in one.items())
