"""A class: thirty people ask for the default distillation at once, each with a temperature of their own."""

import os
import tempfile
import time
from collections.abc import Iterator

from benchmarks.figures import Figure
from compression import runs, settings
from compression.runs.launch import supervisor_alive
from compression.runs.records import FINISHED
from compression.spec import parse

PEOPLE = 30
POLL_SECONDS = 0.2
TARGET = "under 3 min on two cores"


def measure() -> Iterator[Figure]:
    """Yield the seconds to the first and to the last answer, on a fresh home."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["LAB_HOME"], os.environ["LAB_SUPERVISOR_IDLE_SECONDS"] = home, "5"
        began = time.perf_counter()
        for person in range(PEOPLE):
            temperature = 1 + person / 2
            spec = parse({"kind": "distill", "loss": {"name": "kd", "temperature": temperature}})
            runs.submit(spec, owner=f"person {person}")
        answered: list[float] = []
        while len(answered) < PEOPLE:
            ended = [run for run in runs.store().runs() if not run.active]
            answered += [time.perf_counter() - began] * (len(ended) - len(answered))
            time.sleep(POLL_SECONDS)
        if failures := [run.error for run in ended if run.state != FINISHED]:
            raise RuntimeError(failures[0])
        how = f"{PEOPLE} default distillations with different T asked for at once, {settings.cpu_slots()} cores"
        yield Figure("First answer of a class", f"{answered[0]:.0f} s", "", how)
        yield Figure("Last answer of a class", f"{answered[-1]:.0f} s", TARGET, how)
        while supervisor_alive():
            time.sleep(1)
