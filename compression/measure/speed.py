"""What latencies tell: whether the machine was disturbed while it timed, and how many times as fast one network is as another."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from compression.measure.interval import COVERAGE

# On a machine at rest the 95th percentile is 1.2 to 1.6 times the median and quartiles of blocks differ by a hundredth. Beside a
# little other work it is up to 9 times the median, which stays; where all cores are busy, 20 to 130 times, and the median moves.
DISTURBED_CALLS = 10.0
DISTURBED_BLOCKS = 1.5
UNEQUAL_TWINS = 1.5


class Speedup(NamedTuple):
    """How many times as fast one network is as another, with its 95 % interval."""

    times: float
    low: float
    high: float


def disturbed(figures: Mapping[str, Any]) -> bool:
    """Tell whether a latency is not reliable, since something else used the machine while it was timed.

    So it is where the 95th percentile of calls is more than `DISTURBED_CALLS` times the median, or the upper quartile of the
    medians of blocks more than `DISTURBED_BLOCKS` times the lower.

    Args:
        figures: of `latency`; those of an earlier version have no `blocks`.
    """
    median, slowest, blocks = figures.get("median") or 0.0, figures.get("p95") or 0.0, sorted(figures.get("blocks") or [])
    if slowest > DISTURBED_CALLS * median > 0:
        return True
    quarter = len(blocks) // 4
    return bool(blocks) and blocks[-1 - quarter] > DISTURBED_BLOCKS * blocks[quarter]


def unreliable(model: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> bool:
    """Tell whether the latency of a role is not to be trusted: it was disturbed, or a network of the same structure differs.

    Args:
        model: the role as a result describes it.
        models: all roles of the result. Of an earlier version, networks of the same structure have latencies of their own:
            where these are more than `UNEQUAL_TWINS` times apart, neither is reliable.
    """
    figures = _latency(model)
    twins = [_latency(other).get("median") for other in models if same_structure(model, other)]
    medians = [median for median in (figures.get("median"), *twins) if median]
    return disturbed(figures) or (len(medians) > 1 and max(medians) > UNEQUAL_TWINS * min(medians))


def latency_evidence(model: Mapping[str, Any], models: Sequence[Mapping[str, Any]]) -> str | None:
    """Return how the latency of a role was come by: `measured`, `simulated` or `disturbed`; None where it is not known.

    Args:
        model: the role as a result describes it.
        models: all roles of the result.
    """
    if _latency(model).get("simulated"):
        return "simulated"
    evidence = model.get("evidence")
    measured = evidence.get("latency_ms") if isinstance(evidence, Mapping) else None
    return "disturbed" if unreliable(model, models) else measured


def _latency(model: Mapping[str, Any]) -> Mapping[str, Any]:
    """Return the figures of a role's latency; none where a stored result has something else there."""
    figures = model.get("latency_ms")
    return figures if isinstance(figures, Mapping) else {}


def same_structure(model: Mapping[str, Any], other: Mapping[str, Any]) -> bool:
    """Tell whether two roles are networks of the same structure, which take the same time whatever their weights are."""
    return all(model.get(fact) == other.get(fact) for fact in ("architecture", "parameters", "macs")) and bool(model.get("macs"))


def speedup(before: Mapping[str, Any], after: Mapping[str, Any]) -> Speedup | None:
    """Return how many times as fast `after` is as `before`: the ratio of their medians, with an interval from blocks in turn.

    Each turn gives one ratio of two blocks' medians. The interval is the one that order statistics of these ratios give for
    their median, whatever their distribution: it leaves out at each end as many as lie there by chance in at most 2.5 %.

    Args:
        before, after: figures of `latency` of one call; None without `blocks`, or with too few for 95 %.

    Source: David & Nagaraja 2003, Order Statistics, section 7.1.
    """
    pairs = [*zip(before.get("blocks") or [], after.get("blocks") or [], strict=False)]
    left_out = _left_out(len(pairs))
    if left_out is None:
        return None
    ratios, times = sorted(one / other for one, other in pairs), before["median"] / after["median"]
    return Speedup(times, min(times, ratios[left_out]), max(times, ratios[-1 - left_out]))


def _left_out(count: int) -> int | None:
    """Return how many of sorted values to leave out at each end, so that the median lies in the rest in 95 % of cases."""
    chance, most = 0.0, None
    for outside in range(count // 2):
        chance += math.comb(count, outside) / 2**count
        if chance > (1 - COVERAGE) / 2:
            break
        most = outside
    return most
