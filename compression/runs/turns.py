"""Whose turn it is: which waiting run starts next, on which device, and when each of them will.

The order: runs that the lecturer moved to the front; then people with fewer runs at work; then short before long, where each
second of waiting counts like a second that a run is shorter. A person's wait begins anew whenever a run of theirs starts, so a
second run of one does not overtake the first of another. Nobody starves: what is asked for later than a run's wait began plus
the seconds that it is expected to take never overtakes it, unless by priority or while its owner has more at work.
"""

import heapq
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

UNKNOWN_S = 60.0


class Place(NamedTuple):
    """A run's place in the queue or at work.

    Attributes:
        device: "auto" while it waits for any.
        created: seconds since 1970, or since any other moment that all places share.
        expected_s: the seconds that it takes; what is left of them, once it is at work.
        priority: a higher number goes first.
        cores: how many of the CPU's slots it takes; on any other device a run takes one.
    """

    id: str
    owner: str
    device: str
    created: float
    expected_s: float | None = None
    priority: int = 0
    cores: int = 1

    @property
    def seconds(self) -> float:
        """Return the seconds that it takes, as far as that is known."""
        return UNKNOWN_S if self.expected_s is None else max(0.0, self.expected_s)


class Forecast(NamedTuple):
    """A waiting run's place in the queue, from 1, and in how many seconds it starts."""

    place: int
    starts_in_s: float


def next_turn(
    waiting: Sequence[Place], running: Sequence[Place], last_started: Mapping[str, float], slots: Mapping[str, int]
) -> tuple[str, str] | None:
    """Return the run to start and its device, or None while no slot suits a waiting run.

    A run that needs more of the CPU than is free holds what is free: otherwise smaller runs would overtake it for ever.

    Args:
        waiting: the queue.
        running: what is at work now.
        last_started: when each owner's latest run started.
        slots: how many runs each device takes; of the CPU, how many cores. A device that is not listed takes one run, whose
            worker then says what is wrong.
    """
    load: Counter[str] = Counter()
    for place in running:
        load[place.device] += _taken(place, place.device, slots)
    held: set[str] = set()
    for place in in_order(waiting, running, last_started):
        suitable = [device for device in _suitable(place.device, slots) if device not in held]
        free = [device for device in suitable if load[device] + _taken(place, device, slots) <= slots.get(device, 1)]
        if free:
            return place.id, min(free, key=lambda device: load[device])
        held.update(suitable)
    return None


def in_order(waiting: Iterable[Place], running: Iterable[Place], last_started: Mapping[str, float]) -> list[Place]:
    """Return the queue in the order of its turns: each person's best run first, then everybody's others likewise."""
    at_work = Counter(place.owner for place in running)
    served = dict(last_started)
    own: dict[str, list[Place]] = {}
    for place in sorted(waiting, key=_among_ones_own):
        own.setdefault(place.owner, []).append(place)
    order = []
    while own:
        first = min((places[0] for places in own.values()), key=lambda place: _among_people(place, at_work, served))
        order.append(first)
        own[first.owner].pop(0)
        if not own[first.owner]:
            del own[first.owner]
        at_work[first.owner] += 1
    return order


def forecast(
    waiting: Sequence[Place],
    running: Sequence[Place],
    last_started: Mapping[str, float],
    slots: Mapping[str, int],
    *,
    now: float,
) -> dict[str, Forecast]:
    """Return when each waiting run starts, if every run takes the seconds that are expected and nobody asks for more.

    Args:
        running: what is at work now; its `expected_s` are the seconds left.
        now: on the clock of `created`.
    """
    left, at_work, served = list(waiting), list(running), dict(last_started)
    ends = [(place.seconds, place.id) for place in running]
    heapq.heapify(ends)
    passed, found = 0.0, dict[str, Forecast]()
    while left:
        turn = next_turn(left, at_work, served, slots)
        if turn is None:
            if not ends:
                break
            passed, ended = heapq.heappop(ends)
            at_work = [place for place in at_work if place.id != ended]
            continue
        place = next(place for place in left if place.id == turn[0])
        left.remove(place)
        found[place.id] = Forecast(len(found) + 1, passed)
        at_work.append(place._replace(device=turn[1]))
        served[place.owner] = now + passed
        heapq.heappush(ends, (passed + place.seconds, place.id))
    return found


def _among_ones_own(place: Place) -> tuple[int, float, float, str]:
    return -place.priority, place.created + place.seconds, place.created, place.id


def _among_people(
    place: Place, at_work: Mapping[str, int], last_started: Mapping[str, float]
) -> tuple[int, int, float, float, str]:
    waits_since = max(place.created, last_started.get(place.owner, 0.0))
    return -place.priority, at_work[place.owner], waits_since + place.seconds, place.created, place.id


def _taken(place: Place, device: str, slots: Mapping[str, int]) -> int:
    """Return how many of a device's slots a run takes; all there are, where it asks for more."""
    return min(place.cores, slots.get(device, 1)) if device == "cpu" else 1


def _suitable(device: str, slots: Mapping[str, int]) -> list[str]:
    if device != "auto":
        return [device]
    accelerators = [name for name in slots if name != "cpu"]
    return accelerators or ["cpu"]
