"""How long several runs take side by side: what one of them has trained, those that come to it later find cached."""

import heapq
from collections import deque
from collections.abc import Sequence
from typing import NamedTuple

from compression.estimate import Pace, Training, cores, predict_parts
from compression.networks import Workspace
from compression.spec import Spec


class Part(NamedTuple):
    """A part of a run's work: its training, None for all beside trainings, and the seconds that it takes."""

    training: Training | None
    seconds: float


class Plan(NamedTuple):
    """A run that has not begun: how many slots it takes and its parts, in their order."""

    slots: int
    parts: Sequence[Part]


def predict_together(specs: Sequence[Spec], workspace: Workspace, *, slots: int, threads: int, device: str, pace: Pace) -> float:
    """Return the seconds until the last of several runs has ended, each as `predict_seconds` has it.

    Args:
        slots: how many runs the device takes at a time; of the CPU, how many cores they share.
        threads: how many cores a run of large networks computes with.
    """
    on_cpu, plans = device.startswith("cpu"), []
    for spec in specs:
        parts = [Part(*found) for found in predict_parts(spec, workspace, device=device, pace=pace)]
        plans.append(Plan(cores(spec, workspace, threads) if on_cpu else 1, parts))
    return schedule(plans, slots)[0]


def schedule(plans: Sequence[Plan], slots: int) -> tuple[float, list[Training]]:
    """Return when the last of several runs ends, and the trainings that they do, in the order of their beginnings.

    Runs start in their order, each as soon as its slots are free. A shared training that has ended is not done again; one
    that is at work elsewhere is, since no run waits for another's.
    """
    waiting, free, now = deque(plans), slots, 0.0
    at_work: list[tuple[float, int, int, str, deque[Part]]] = []  # ends at, tie, slots, what it shares then, what is left
    trained: list[Training] = []
    shared: set[str] = set()
    count = 0
    while waiting or at_work:
        while waiting and min(waiting[0].slots, slots) <= free:
            plan = waiting.popleft()
            free -= min(plan.slots, slots)
            heapq.heappush(at_work, (now, count, min(plan.slots, slots), "", deque(plan.parts)))
            count += 1
        now, place, taken, ended, left = heapq.heappop(at_work)
        shared.add(ended)
        while left and left[0].training is not None and left[0].training.shared and left[0].training.shared in shared:
            left.popleft()
        if not left:
            free += taken
            continue
        part = left.popleft()
        if part.training is not None:
            trained.append(part.training)
        ends = part.training.shared if part.training is not None else ""
        heapq.heappush(at_work, (now + part.seconds, place, taken, ends, left))
    return now, trained
