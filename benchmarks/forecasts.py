"""How long runs take against what was predicted before they started."""

import os
import tempfile
import time
from collections.abc import Iterator
from typing import Any

from benchmarks.figures import Figure
from compression import runs, settings
from compression.runs.launch import supervisor_alive
from compression.runs.records import FINISHED
from compression.spec import parse

POLL_SECONDS = 0.1
FACTOR = 1.5
ONE_SEED: dict[str, Any] = {"kind": "distill", "seeds": [0]}
STUDENTS = [{"name": "cnn", "width": width} for width in (2, 4, 8, 16)] + [{"name": "mlp", "hidden": [32]}, {"name": "resnet"}]
MNIST: dict[str, Any] = {"dataset": {"name": "mnist", "train_images": 2_000}, "transfer": {"images": 500}}


def wanted() -> Iterator[dict[str, Any]]:
    """Yield thirty settings over digits and, where its files lie under LAB_DATA, MNIST."""
    for student in STUDENTS:
        yield {**ONE_SEED, "student": student}
        yield {**ONE_SEED, "student": student, "train": {"epochs": 10}, "transfer": {"images": None}}
    for width in (8, 16, 32):
        for sparsity in (0.5, 0.9):
            steps = [{"name": "prune", "sparsity": sparsity}, {"name": "finetune", "epochs": 5}]
            yield {"kind": "compress", "model": {"name": "cnn", "width": width}, "steps": steps, "seeds": [0, 1]}
    mnist = (settings.data_root() / "MNIST").is_dir()
    for student in STUDENTS:
        for epochs in (3, 6):
            where = {**MNIST, "teacher_train": {"epochs": 2}} if mnist else {"seeds": [0, 1]}
            yield {**ONE_SEED, "student": student, "train": {"epochs": epochs}, **where}


def measure() -> Iterator[Figure]:
    """Yield predicted and taken seconds of each setting, one run after the other on a fresh home, then the share that is near."""
    with tempfile.TemporaryDirectory() as home:
        os.environ.setdefault("LAB_DATA", str(settings.data_root()))
        os.environ["LAB_HOME"], os.environ["LAB_SUPERVISOR_IDLE_SECONDS"] = home, "5"
        near = []
        for raw in wanted():
            run = _ended(raw)
            ratio = run.seconds / (run.expected_s or float("nan"))
            near.append(1 / FACTOR <= ratio <= FACTOR)
            model = run.spec.get("student") or run.spec["model"]
            what = f"{run.kind}, {run.spec['dataset']['name']}, {' '.join(map(str, model.values()))}"
            how = f"{run.spec['train']['epochs']} epochs; taken / predicted {ratio:.2f}"
            yield Figure(what, f"{run.expected_s:.1f} s predicted, {run.seconds:.1f} s taken", "", how)
        share = f"{sum(near)} of {len(near)}"
        yield Figure(f"Predictions within a factor of {FACTOR}", share, "all", "each run alone, corrected by those before")
        while supervisor_alive():
            time.sleep(1)


def _ended(raw: dict[str, Any]) -> runs.Run:
    run_id = runs.submit(parse(raw), owner="benchmark")
    while (run := runs.store().run(run_id)).active:
        time.sleep(POLL_SECONDS)
    if run.state != FINISHED:
        raise RuntimeError(run.error)
    return run
