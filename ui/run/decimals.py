"""With how many decimals accuracies and their differences are printed, so that rounding contradicts nothing that is said."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from compression.charts.numbers import format_points

MOST_DECIMALS = 4  # of points
SAME = 1e-6  # differences, 0 to 1, that are no further apart are the same but for floating point
COMPARED = {  # by verdict: the roles whose accuracies it compares
    "verdict": (("student", "baseline"), ("compressed", "original")),
    "teacher_verdict": (("student", "teacher"),),
}


def result_decimals(result: Mapping[str, Any]) -> int:
    """Return with how many decimals a result's accuracies, in percent, and their differences, in points, are printed: 1 or 2.

    2 where two accuracies with one decimal differ by another number than their difference with one decimal: 99.13 % and 99.46 %
    differ by 0.33 points, 99.1 % and 99.5 % by 0.4.
    """
    contradicts = any(
        _hundredths(difference, 1) != _hundredths(new, 1) - _hundredths(old, 1) for new, old, difference in _compared(result)
    )
    return 2 if contradicts else 1


def printed_difference(difference: float, new: float, old: float, decimals: int) -> float:
    """Return the difference to print between two accuracies, all 0 to 1: with two decimals, that of the accuracies as printed.

    Thirds, as three seeds give, disagree at any number of decimals; this is less than 0.02 points from the difference.
    """
    if decimals == 1 or abs(new - old - difference) > SAME:
        return difference
    return (_hundredths(new, decimals) - _hundredths(old, decimals)) / 10_000


def interval_points(interval: Sequence[float], threshold: float) -> tuple[str, str]:
    """Return the edges of a difference's interval in points with their signs, one decimal each, or as many as show the side.

    Args:
        interval: the edges, 0 to 1.
        threshold: the difference that decides, 0 to 1: an edge that lies above it is printed above it, one below it below.
    """
    low, high = (signed_points(edge, _side_decimals(edge, threshold)) for edge in interval)
    return low, high


def signed_points(difference: float, decimals: int = 1) -> str:
    """Return a difference of two ratios in percentage points with its sign: +2.1, −0.3, 0.0."""
    text = format_points(difference, decimals)
    return text if text.startswith("−") or not float(text) else f"+{text}"


def _side_decimals(edge: float, threshold: float) -> int:
    if abs(edge - threshold) <= SAME:
        return 1
    enough = (decimals for decimals in range(1, MOST_DECIMALS) if _shows_side(edge, threshold, decimals))
    return next(enough, MOST_DECIMALS)


def _shows_side(edge: float, threshold: float, decimals: int) -> bool:
    beyond = float(f"{100 * edge:.{decimals}f}") - 100 * threshold
    return abs(beyond) > 100 * SAME and (beyond > 0) == (edge > threshold)


def _hundredths(ratio: float, decimals: int) -> int:
    """Return hundredths of a point of a ratio that is printed with so many decimals."""
    return round(100 * float(f"{100 * ratio:.{decimals}f}"))


def _compared(result: Mapping[str, Any]) -> Iterator[tuple[float, float, float]]:
    """Yield for each verdict both accuracies and their difference, where this is the difference of these accuracies."""
    models = result.get("models", {})
    for name, pairs in COMPARED.items():
        found = result.get(name) or {}
        for new, usual in pairs:
            old = found.get("against", usual) if name == "verdict" else usual
            if not found or new not in models or old not in models:
                continue
            accuracies = models[new]["accuracy"], models[old]["accuracy"]
            if abs(accuracies[0] - accuracies[1] - found["difference"]) <= SAME:
                yield *accuracies, found["difference"]
