"""Runs put into the store as if they had been worked on, so that pages have something to show at once."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from sqlalchemy import insert, select, update

from compression import settings
from compression.runs import store
from compression.runs.records import FAILED, FINISHED
from compression.runs.rows import working
from compression.runs.schema import RUNS
from compression.spec import parse

TOKEN = "t" * 32


def model(accuracy: float, size_bytes: int, *, macs: int = 24_272, latency_ms: float = 0.1, **more: Any) -> dict[str, Any]:
    """Return a model's part of a result."""
    return {
        "accuracy": accuracy,
        "accuracy_interval": [accuracy - 0.02, accuracy + 0.01],
        "per_seed": [{"seed": 0, "accuracy": accuracy}],
        "parameters": 510,
        "nonzero": 510,
        "macs": macs,
        "size_bytes": size_bytes,
        "artifact": "student-seed0.safetensors",
        "architecture": {"name": "cnn", "width": 2},
        "evidence": {"accuracy": "measured", "size_bytes": "file", "latency_ms": "measured", "macs": "counted"},
        "latency_ms": {"median": latency_ms, "p95": 2 * latency_ms, "batch_size": 1, "threads": 1, "simulated": False},
        **more,
    }


def distilled(accuracy: float = 0.96) -> dict[str, Any]:
    """Return the result of a distillation."""
    return {
        "models": {"teacher": model(0.99, 381_232), "baseline": model(0.93, 3_864), "student": model(accuracy, 3_864)},
        "verdict": {
            "claim": "student > baseline",
            "answer": "yes",
            "difference": accuracy - 0.93,
            "interval": [0.009, 0.033],
            "seeds": 5,
        },
    }


def compressed() -> dict[str, Any]:
    """Return the result of a compression."""
    small = model(0.97, 1_900, evidence={"accuracy": "simulated", "size_bytes": "file", "latency_ms": "measured"})
    small |= {"before_recovery": 0.41, "agreement": 0.98}
    return {"models": {"original": model(0.98, 99_344), "compressed": small}, "verdict": None}


def started(owner: str = "ada", title: str = "", **spec: Any) -> str:
    """Put a running run into the store and return its id."""
    wanted = parse({"kind": "distill", **spec})
    run_id = store().start(wanted.to_json(), wanted.hash, wanted.kind, owner=owner, device="cpu", token=TOKEN, title=title)
    with store()._write() as connection:  # whoever's turn it is
        connection.execute(update(RUNS).where(RUNS.c.id == run_id).values(**working("cpu", TOKEN)))
    return run_id


def told(run_id: str, *events: Mapping[str, Any]) -> None:
    """Let the worker of a running run tell events."""
    assert store().append(run_id, TOKEN, list(events)).held


def finished(owner: str = "ada", *, result: Any = None, title: str = "", **spec: Any) -> str:
    """Put a finished run with curves and one model file into the store and return its id."""
    run_id = started(owner, title, **spec)
    role = "compressed" if spec.get("kind") == "compress" else "student"
    epochs = (0.0, 1.0, 2.0)
    curves = [
        {
            "type": "metric",
            "role": role,
            "seed": 0,
            "epoch": epoch,
            "values": {"val_accuracy": 0.3 + 0.3 * epoch, "val_loss": 1.0},
        }
        for epoch in epochs
    ]
    file = {"type": "artifact", "role": role, "seed": 0, "name": "student-seed0.safetensors", "size_bytes": 3_864}
    told(run_id, {"type": "stage", "stage": "student", "text": "Student, seed 1 of 1"}, *curves, file)
    folder = settings.runs_folder() / run_id
    folder.mkdir(parents=True)
    (folder / "student-seed0.safetensors").write_bytes(b"weights")
    store().finish(run_id, TOKEN, FINISHED, result=result or (compressed() if role == "compressed" else distilled()))
    return run_id


def failed(owner: str = "ada", error: str = "There is no network.") -> str:
    """Put a failed run into the store and return its id."""
    run_id = started(owner)
    store().finish(run_id, TOKEN, FAILED, error=error)
    return run_id


def copies(run_id: str, count: int, **columns: Any) -> None:
    """Put later runs into the store that are like one that is there, without its events and files, but for some columns."""
    with store()._write() as connection:
        row = dict(connection.execute(select(RUNS).where(RUNS.c.id == run_id)).mappings().one())
        rows = [{**row, "id": f"{index:010x}", "created": row["created"] + 1 + index, **columns} for index in range(count)]
        connection.execute(insert(RUNS), rows)


def executed(events: Sequence[Mapping[str, Any]], folder: Path, spec: Mapping[str, Any]) -> str:
    """Put a run that was executed, its events and its folder, into the store as a finished one and return its id."""
    run = started(**spec)
    assert store().append(run, TOKEN, events[:-1]).held
    settings.runs_folder().mkdir(parents=True, exist_ok=True)
    (settings.runs_folder() / run).symlink_to(folder)
    store().finish(run, TOKEN, FINISHED, result=events[-1]["result"])
    return run
