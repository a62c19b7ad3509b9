"""How fast background runs start and end: from submit to running, to the first live point, and to the verdict."""

import os
import tempfile
import time
from collections.abc import Iterator

from benchmarks.figures import Figure, spread
from compression import runs
from compression.runs.launch import supervisor_alive
from compression.runs.records import FINISHED, QUEUED
from compression.spec import Spec, parse

REPEATS = 5
WHOLE_RUNS = 3
POLL_SECONDS = 0.005


def measure() -> Iterator[Figure]:
    """Yield the times of short runs through a warm supervisor, and of the default distillation."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["LAB_HOME"] = home
        os.environ["LAB_SUPERVISOR_IDLE_SECONDS"] = "5"
        short = parse({"kind": "distill", "seeds": [0], "train": {"epochs": 1}})
        follow(short)
        timings = [follow(short) for _repeat in range(REPEATS)]
        started, pointed = ([1000 * timing[position] for timing in timings] for position in (0, 1))
        yield Figure("Submit to running", spread(started, "ms"), "", f"median of {REPEATS}, warm supervisor")
        yield Figure("Submit to the first live point in the store", spread(pointed, "ms"), "under 1 s", f"median of {REPEATS}")
        whole = [follow(parse({"kind": "distill"})) for _repeat in range(WHOLE_RUNS)]
        answers = ", ".join(sorted({answer for *_times, answer in whole}))
        seconds = spread([taken for _started, _pointed, taken, _answer in whole], "s", 1)
        how = f"digits, baseline, 5 seeds, median of {WHOLE_RUNS}"
        yield Figure("Default distillation", f"{seconds}, verdict {answers}", "under 20 s, yes", how)
        while supervisor_alive():
            time.sleep(1)


def follow(spec: Spec, device: str = "auto") -> tuple[float, float, float, str]:
    """Return the seconds from submit to running, to the first point of a curve and to the end, and the verdict."""
    store = runs.store()
    began = time.perf_counter()
    run_id = runs.submit(spec, owner="benchmark", device=device)
    running = pointed = 0.0
    while True:
        run = store.run(run_id)
        passed = time.perf_counter() - began
        if not running and run.state != QUEUED:
            running = passed
        if running and not pointed and any(is_point(event) for event in store.events(run_id)):
            pointed = passed
        if pointed and run.state == FINISHED:
            return running, pointed, passed, ((run.result or {}).get("verdict") or {}).get("answer", "")
        if run.error:
            raise RuntimeError(run.error)
        time.sleep(POLL_SECONDS)


def is_point(event: runs.Event) -> bool:
    """Tell whether an event is a point of a curve."""
    return event.type == "metric" and event.payload["epoch"] is not None
