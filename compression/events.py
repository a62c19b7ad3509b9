"""The events that a run yields: JSON-safe dictionaries, described in docs/architecture.md."""

from collections.abc import Callable, Generator, Iterable
from pathlib import Path
from typing import Any, TypeVar

Event = dict[str, Any]

Item, Outcome = TypeVar("Item"), TypeVar("Outcome")


def stage(name: str, text: str, *, role: str | None = None, seed: int | None = None, index: int = 1, of: int = 1) -> Event:
    """Return the event that says what happens now; `text` is for people, `index` of `of` counts seeds from 1."""
    return {"type": "stage", "stage": name, "role": role, "seed": seed, "index": index, "of": of, "text": text}


def metric(role: str, seed: int, epoch: float | None, values: dict[str, float]) -> Event:
    """Return the event of one point of the curves; without an epoch it is a horizontal line, such as a cached teacher's."""
    return {"type": "metric", "role": role, "seed": seed, "epoch": epoch, "values": values}


def layers(role: str, seed: int, rows: list[dict[str, Any]]) -> Event:
    """Return the event that carries a network's layer table."""
    return {"type": "layers", "role": role, "seed": seed, "rows": rows}


def artifact(path: Path, role: str, seed: int) -> Event:
    """Return the event that announces a file of the run."""
    return {"type": "artifact", "role": role, "seed": seed, "name": path.name, "size_bytes": path.stat().st_size}


def result(content: dict[str, Any]) -> Event:
    """Return the last event of a run."""
    return {"type": "result", "result": content}


def translated(
    source: Generator[Item, None, Outcome], translate: Callable[[Item], Iterable[Event]]
) -> Generator[Event, None, Outcome]:
    """Yield the events that each item of a generator stands for; return what the generator returns."""
    while True:
        try:
            item = next(source)
        except StopIteration as end:
            return end.value
        yield from translate(item)
