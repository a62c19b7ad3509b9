"""Whose turn it is: which waiting run starts next, and on which device."""

from collections import Counter
from collections.abc import Mapping, Sequence
from typing import NamedTuple


class Place(NamedTuple):
    """A run's place in the queue or at work: its id, owner, device ("auto" while it waits for any) and time of creation."""

    id: str
    owner: str
    device: str
    created: float


def next_turn(
    waiting: Sequence[Place], running: Sequence[Place], last_started: Mapping[str, float], slots: Mapping[str, int]
) -> tuple[str, str] | None:
    """Return the run to start and its device, or None while no slot suits a waiting run.

    Fair between people: whoever has the fewest runs at work goes first, then whoever waited longest since their last start.

    Args:
        waiting: the queue.
        running: what is at work now.
        last_started: when each owner's latest run started.
        slots: how many runs each device takes; a device that is not listed takes one, whose worker then says what is wrong.
    """
    at_work = Counter(place.owner for place in running)
    load = Counter(place.device for place in running)

    def turn(place: Place) -> tuple[int, float, float, str]:
        return at_work[place.owner], last_started.get(place.owner, 0.0), place.created, place.id

    for place in sorted(waiting, key=turn):
        free = [device for device in _suitable(place.device, slots) if load[device] < slots.get(device, 1)]
        if free:
            return place.id, min(free, key=lambda device: load[device])
    return None


def _suitable(device: str, slots: Mapping[str, int]) -> list[str]:
    if device != "auto":
        return [device]
    accelerators = [name for name in slots if name != "cpu"]
    return accelerators or ["cpu"]
