"""What a benchmark returns, and how alternated timings are taken."""

import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass


@dataclass(frozen=True)
class Figure:
    """One measured figure: what it is, its value with its unit, what it should be, and how it was taken."""

    name: str
    value: str
    target: str = ""
    method: str = ""


def alternate(first: Callable[[], None], second: Callable[[], None], *, rounds: int) -> tuple[list[float], list[float]]:
    """Return the seconds of two jobs run in turn, so that whatever slows the machine down slows both."""
    taken: tuple[list[float], list[float]] = ([], [])
    for number in range(rounds):
        for place in (0, 1) if number % 2 else (1, 0):
            started = time.perf_counter()
            (first, second)[place]()
            taken[place].append(time.perf_counter() - started)
    return taken


def median_ratio(above: list[float], below: list[float]) -> float:
    """Return the median over rounds of the ratio of paired timings."""
    return statistics.median(one / other for one, other in zip(above, below, strict=True))
