"""What stalls and kills do to runs: five at work through each kind of stall, and fifty kills at random moments."""

import random
import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from benchmarks import chaos_postgresql
from benchmarks.chaos_lab import Lab, differences, outcome
from benchmarks.figures import Figure
from compression.runs.leases import LEASE_S
from compression.runs.records import FINISHED, INTERRUPTED, RUNNING

RUNS = 5
STALL_S, FREEZE_S, HOUR_S = 20.0, 8.0, 3600.0
KILLS, SEED, LONGEST_PEACE_S = 50, 0, 4.0
VICTIMS = {"worker": 20, "supervisor": 12, "server": 8, "all": 10}
DISTILL = {
    "kind": "distill",
    "dataset": {"name": "digits", "train_images": 300},
    "teacher": {"name": "mlp", "hidden": [32]},
    "student": {"name": "mlp", "hidden": [16]},
    "teacher_train": {"epochs": 5},
    "train": {"epochs": 40},
    "seeds": [0, 1, 2],
}
COMPRESS = {
    "kind": "compress",
    "dataset": {"name": "digits", "train_images": 300},
    "model": {"name": "mlp", "hidden": [32]},
    "train": {"epochs": 10},
    "steps": [{"name": "prune", "sparsity": 0.8}, {"name": "finetune", "epochs": 40}],
    "seeds": [0, 1, 2],
}
SPECS = [*({**DISTILL, "loss": {"name": "kd", "temperature": float(degrees)}} for degrees in (1, 2, 4, 8)), COMPRESS]

Stall = Callable[[Lab], None]


def measure() -> Iterator[Figure]:
    """Yield what became of the runs in each stall and under the kills."""
    with lab(slots=RUNS) as shaken:
        undisturbed = [outcome(run, shaken.home, shaken.store) for run in shaken.wait([shaken.submit(spec) for spec in SPECS])]
        for name, stall, method in STALLS:
            yield through(shaken, stall, undisturbed, name=name, method=method)
        yield under_kills(shaken, undisturbed, kills=KILLS)
    if (missing := chaos_postgresql.missing()) is not None:
        yield Figure("PostgreSQL away", "left out", "", missing)
        return
    with (
        tempfile.TemporaryDirectory() as folder,
        chaos_postgresql.Server(Path(folder)) as server,
        lab(slots=RUNS, database=server.url) as shaken,
    ):
        method = f"server stopped for {STALL_S:.0f} s"
        yield through(shaken, lambda _lab: server.away(STALL_S), undisturbed, name="PostgreSQL away", method=method)


@contextmanager
def lab(*, slots: int, database: str | None = None, lease_s: float = LEASE_S) -> Iterator[Lab]:
    """Yield a lab in a folder that is removed afterwards."""
    with tempfile.TemporaryDirectory() as home:
        shaken = Lab(Path(home), slots=slots, database=database, lease_s=lease_s)
        try:
            yield shaken
        finally:
            shaken.close()


def through(
    shaken: Lab, stall: Stall, undisturbed: Sequence[Any], *, name: str, method: str, specs: Sequence[Any] = SPECS
) -> Figure:
    """Let a stall happen while all runs are at work, and return what became of them."""
    ids = [shaken.submit(spec) for spec in specs]
    shaken.wait_for_curves(ids)
    stall(shaken)
    ended = shaken.wait(ids, states=(FINISHED, INTERRUPTED))
    faults = Counter(run.state for run in ended if run.state != FINISHED)
    same = sum(outcome(run, shaken.home, shaken.store) == whole for run, whole in zip(ended, undisturbed, strict=True))
    found = f"{faults[INTERRUPTED]} interrupted, {same} of {len(ids)} as undisturbed"
    return Figure(name, found, f"0 interrupted, {len(ids)} of {len(ids)}", f"{len(ids)} runs at work; {method}")


def under_kills(shaken: Lab, undisturbed: Sequence[Any], *, kills: int, specs: Sequence[Any] = SPECS) -> Figure:
    """Kill processes at random moments while runs are at work and are resumed, and return what became of the runs."""
    chance, done, resumed = random.Random(SEED), Counter(), 0
    kinds = chance.choices(list(VICTIMS), weights=list(VICTIMS.values()), k=kills)
    ids: list[str] = []
    while kinds:
        until = time.monotonic() + chance.uniform(0.1, LONGEST_PEACE_S)
        while time.monotonic() < until or not shaken.at_work():
            resumed += shaken.go_on()
            if len(shaken.store.runs(states=["queued", RUNNING, INTERRUPTED], limit=None)) < len(specs):
                ids.append(shaken.submit(specs[len(ids) % len(specs)]))
            time.sleep(0.1)
        if shaken.kill(kinds[-1], chance):
            done[kinds.pop()] += 1
    ended = shaken.wait(ids, go_on=True)
    every = {run.id for run in shaken.store.runs(limit=None)}
    wholes = [undisturbed[place % len(specs)] for place in range(len(ids))]
    other = [differences(outcome(run, shaken.home, shaken.store), whole) for run, whole in zip(ended, wholes, strict=True)]
    same = other.count([])
    found = f"{len(set(ids) - every)} lost, {len(ids) - len(set(ids))} doubled, {same} of {len(ids)} as undisturbed"
    told = ", ".join(f"{number} {kind}" for kind, number in sorted(done.items()))
    method = "; ".join([told, f"{resumed} times resumed", *(", ".join(names) for names in other if names)])
    return Figure(f"{kills} kills", found, f"0 lost, 0 doubled, {len(ids)} of {len(ids)}", method)


def write_locked(shaken: Lab, seconds: float = STALL_S, *, kind: str = "IMMEDIATE") -> None:
    """Hold the lock of the SQLite file."""
    blocker = sqlite3.connect(shaken.home / "lab.db", timeout=60, isolation_level=None)
    blocker.execute(f"BEGIN {kind}")
    time.sleep(seconds)
    blocker.execute("COMMIT")
    blocker.close()


def asleep(shaken: Lab) -> None:
    """Freeze every process while an hour passes on all clocks."""
    with shaken.frozen():
        time.sleep(FREEZE_S)
        shaken.set_clocks(HOUR_S, HOUR_S)


def clock_set(shaken: Lab) -> None:
    """Set the clock on the wall back and forth."""
    for hours in (-1, 1, -2, 2, 0, -1, 0):
        shaken.set_clocks(hours * HOUR_S, HOUR_S)
        time.sleep(STALL_S / 7)


STALLS: list[tuple[str, Stall, str]] = [
    ("Store locked against writing", write_locked, f"SQLite's lock held for {STALL_S:.0f} s"),
    (
        "Store locked against everything",
        lambda shaken: write_locked(shaken, kind="EXCLUSIVE"),
        f"SQLite's exclusive lock held for {STALL_S:.0f} s",
    ),
    (
        "Machine asleep for an hour",
        asleep,
        f"all processes frozen for {FREEZE_S:.0f} s while their clocks advance by an hour; the supervisor wakes first",
    ),
    ("Clock set back and forth", clock_set, f"by up to two hours, 7 times in {STALL_S:.0f} s"),
]
