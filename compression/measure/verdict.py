"""Whether a difference is more than noise: yes, no, or inconclusive."""

from typing import Any

from torch import Tensor

from compression.measure.accuracy import bootstrap


def verdict(better: Tensor, worse: Tensor, *, claim: str, tolerance: float = 0.0) -> dict[str, Any]:
    """Return the answer to "the first is more accurate than the second", or loses at most `tolerance` against it.

    Args:
        better: whether the claimed winner is right, bool (seeds, images); seeds are paired with those of `worse`.
        worse: the same of the other network.
        tolerance: the loss of accuracy, 0 to 1, that the claim allows.

    Returns:
        `claim`, `answer` ("yes" if the whole interval lies above minus the tolerance, "no" if it lies below, else
        "inconclusive"), `difference`, `interval` (95 %), `seeds`.
    """
    spread = bootstrap(better.double() - worse.double())
    answer = "yes" if spread.low > -tolerance else "no" if spread.high < -tolerance else "inconclusive"
    return {
        "claim": claim,
        "answer": answer,
        "difference": spread.mean,
        "interval": [spread.low, spread.high],
        "seeds": len(better),
    }
