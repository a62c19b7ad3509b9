"""How fast background runs start and end: from submit to running, to the first live point, and to the verdict."""

import os
import statistics
import tempfile
import time
from collections.abc import Iterator

from benchmarks.figures import Figure
from compression import runs
from compression.runs.launch import supervisor_alive
from compression.runs.records import FINISHED, QUEUED
from compression.spec import parse

REPEATS = 5
POLL_SECONDS = 0.005


def measure() -> Iterator[Figure]:
    """Yield the times of short runs through a warm supervisor, and of the default distillation."""
    with tempfile.TemporaryDirectory() as home:
        os.environ["LAB_HOME"] = home
        os.environ["LAB_SUPERVISOR_IDLE_SECONDS"] = "5"
        short = parse({"kind": "distill", "seeds": [0], "train": {"epochs": 1}})
        _follow(short)
        timings = [_follow(short) for _repeat in range(REPEATS)]
        started, pointed = (statistics.median(timing[place] for timing in timings) for place in (0, 1))
        yield Figure("Submit to running", f"{1000 * started:.0f} ms", "", f"median of {REPEATS}, warm supervisor")
        yield Figure(
            "Submit to the first live point in the store", f"{1000 * pointed:.0f} ms", "under 1 s", f"median of {REPEATS}"
        )
        _started, _pointed, whole, answer = _follow(parse({"kind": "distill"}))
        yield Figure("Default distillation", f"{whole:.1f} s, verdict {answer}", "under 20 s, yes", "digits, baseline, 5 seeds")
        while supervisor_alive():
            time.sleep(1)


def _follow(spec: object) -> tuple[float, float, float, str]:
    """Return the seconds from submit to running, to the first point of a curve and to the end, and the verdict."""
    store = runs.store()
    began = time.perf_counter()
    run_id = runs.submit(spec, owner="benchmark")
    running = pointed = 0.0
    while True:
        run = store.run(run_id)
        passed = time.perf_counter() - began
        if not running and run.state != QUEUED:
            running = passed
        if running and not pointed and any(_is_point(event) for event in store.events(run_id)):
            pointed = passed
        if pointed and run.state == FINISHED:
            return running, pointed, passed, ((run.result or {}).get("verdict") or {}).get("answer", "")
        if run.error:
            raise RuntimeError(run.error)
        time.sleep(POLL_SECONDS)


def _is_point(event: runs.Event) -> bool:
    return event.type == "metric" and event.payload["epoch"] is not None
