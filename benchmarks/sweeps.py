"""Sixteen settings of temperature and share: as one sweep, against the same runs one after another."""

import shutil
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.figures import Figure, alternate, ratios, spread
from benchmarks.homes import fresh_home
from compression import runs, settings
from compression.runs.records import FINISHED
from compression.runs.sweeping import submit_sweep
from compression.spec import Spec, parse
from compression.sweep import Sweep, parse_sweep

ROUNDS = 3
POLL_SECONDS = 0.02
OVER = {"loss.temperature": [1, 2, 4, 8], "loss.alpha": [0.3, 0.5, 0.7, 0.9]}
WARM = {"kind": "distill", "seeds": [0], "train": {"epochs": 1}, "transfer": {"images": 50}, "teacher_train": {"epochs": 1}}


def measure(base: dict[str, Any] | None = None, over: dict[str, list[float]] | None = None) -> Iterator[Figure]:
    """Yield the share of the time of runs one after another that one sweep takes."""
    base = base or {"kind": "distill", "seeds": [0]}
    sweep = parse_sweep({"kind": "sweep", "base": base, "over": over or OVER})
    at_once, in_turn, seeds = [], [], len(sweep.base["seeds"])

    def work(one_by_one: bool) -> None:
        with fresh_home():
            _end([runs.submit(parse(WARM), owner="benchmark")])
            shutil.rmtree(settings.models_folder())
            began = time.perf_counter()
            if one_by_one:
                apart([cell.spec for cell in sweep.cells()])
            else:
                together(sweep)
            (in_turn if one_by_one else at_once).append(time.perf_counter() - began)

    alternate(lambda: work(True), lambda: work(False), rounds=ROUNDS)
    yield Figure(
        f"A sweep of {len(sweep.cells())} settings against one run after another",
        f"{spread([100 * share for share in ratios(at_once, in_turn)], '%')} of the time: {spread(at_once, 's', 1)} against "
        f"{spread(in_turn, 's', 1)}",
        "at most a third",
        f"digits, T and alpha, {seeds} seed(s), {ROUNDS} rounds in turn, fresh homes, warm supervisors, {settings.cpu_slots()} "
        "cores; one after another, each trains its own baseline; the bundled teacher in both",
    )


def together(sweep: Sweep) -> None:
    """Run all settings as a sweep."""
    sweep_id = submit_sweep(sweep, owner="benchmark")
    _end([cell["run"] for cell in runs.store().sweep(sweep_id).cells])


def apart(specs: list[Spec]) -> None:
    """Run settings one after another, each as if there had been none before."""
    for spec in specs:
        _end([runs.submit(spec, owner="benchmark")])
        shutil.rmtree(settings.models_folder())


def _end(ids: list[str]) -> None:
    for run_id in ids:
        while (run := runs.store().run(run_id)).active:
            time.sleep(POLL_SECONDS)
        if run.state != FINISHED:
            raise RuntimeError(run.error)
