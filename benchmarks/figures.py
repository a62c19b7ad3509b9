"""What a benchmark returns, and how repeated and alternated timings are taken and told."""

import statistics
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure: what it is, its value with its unit, what it should be, and how it was taken."""

    name: str
    value: str
    target: str = ""
    method: str = ""


def spread(values: Sequence[float], unit: str = "", decimals: int = 0) -> str:
    """Return the median of repeated measurements with the lowest and the highest, such as "12 ms (11 to 19)".

    Raises:
        ValueError: fewer than three measurements, which show no spread.
    """
    if len(values) < 3:
        raise ValueError("A figure takes three measurements at least.")
    middle, low, high = (f"{value:,.{decimals}f}" for value in (statistics.median(values), min(values), max(values)))
    return f"{middle}{unit and ' '}{unit} ({low} to {high})"


def alternate(
    first: Callable[[], None],
    second: Callable[[], None],
    *,
    rounds: int,
    clock: Callable[[], float] = time.perf_counter,
) -> tuple[list[float], list[float]]:
    """Return the seconds of two jobs run in turn, so that whatever slows the machine down slows both.

    Args:
        clock: `time.process_time` counts this process's work alone, whatever else the machine does.
    """
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for position in (0, 1) if number % 2 else (1, 0):
            started = clock()
            (first, second)[position]()
            taken[position].append(clock() - started)
    return taken


def ratios(above: Sequence[float], below: Sequence[float]) -> list[float]:
    """Return the ratio of each pair of timings."""
    return [one / other for one, other in zip(above, below, strict=True)]


def added_percent(above: Sequence[float], below: Sequence[float]) -> str:
    """Return by how many percent paired timings differ, or that this is lost in the noise of the machine."""
    added = [100 * (ratio - 1) for ratio in ratios(above, below)]
    quartiles = statistics.quantiles(added, n=4)
    noise = "" if quartiles[0] > 0 or quartiles[2] < 0 else "within the noise of this machine: "
    return noise + spread(added, "%", 1)
