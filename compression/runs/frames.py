"""What runs told, as tables for charts and comparisons."""

from collections.abc import Iterable, Mapping
from typing import Any

import pandas as pd

from compression.data.own.stored import called
from compression.measure.speed import latency_evidence
from compression.runs.records import Event, Run

METRIC_COLUMNS = ["role", "seed", "epoch", "metric", "value"]
MODEL_COLUMNS = [
    "run",
    "title",
    "kind",
    "owner",
    "dataset",
    "role",
    "model",
    "accuracy",
    "low",
    "high",
    "size_bytes",
    "latency_ms",
    "latency_p95_ms",
    "macs",
    "parameters",
    "nonzero",
    "seeds",
    "accuracy_evidence",
    "size_evidence",
    "latency_evidence",
    "macs_evidence",
    "device",
    "created",
]


def metrics_frame(events: Iterable[Event]) -> pd.DataFrame:
    """Return the metrics of a run, one value a row: role, seed, epoch (missing: a level for the whole chart), metric, value.

    Of a value that was told twice, as after a resume, the last counts. Sorted by role, seed, metric and epoch.
    """
    values: dict[tuple[Any, ...], Any] = {}
    for event in events:
        if event.type == "metric" and isinstance(event.payload.get("values"), Mapping):
            told = event.payload
            for metric, value in told["values"].items():
                values[told.get("role"), told.get("seed"), told.get("epoch"), metric] = value
    frame = pd.DataFrame([(*key, value) for key, value in values.items()], columns=METRIC_COLUMNS)
    for column in ("epoch", "value"):
        frame[column] = pd.to_numeric(frame[column], errors="coerce").astype(float)
    return frame.sort_values(["role", "seed", "metric", "epoch"], kind="stable", ignore_index=True)


def models_frame(runs: Iterable[Run]) -> pd.DataFrame:
    """Return the models of finished runs, one a row: accuracies from 0 to 1, sizes in bytes, latencies in milliseconds.

    How a latency was come by says as well that it is `simulated`, as where rounded activations were computed at full precision,
    or `disturbed`, where other work used the machine while it was timed.
    """
    rows = [_model_row(run, role, model) for run in runs for role, model in models_of(run).items()]
    frame = pd.DataFrame(rows, columns=MODEL_COLUMNS)
    frame["created"] = pd.to_datetime(frame["created"], unit="s", utc=True)
    return frame


def models_of(run: Run) -> dict[str, Mapping[str, Any]]:
    """Return the models of a run's result by role; nothing where it has none, or none that can be read."""
    models = _mapping(_mapping(run.result).get("models"))
    return {role: model for role, model in models.items() if isinstance(model, Mapping)}


def model_label(architecture: Any) -> str:
    """Return a network's name for people: `cnn width 2` from its name and knobs."""
    architecture = _mapping(architecture)
    knobs = [f"{name} {_plain(value)}" for name, value in architecture.items() if name != "name"]
    return " ".join([str(architecture.get("name", "?")), ", ".join(knobs)]).strip()


def _model_row(run: Run, role: str, model: Mapping[str, Any]) -> dict[str, Any]:
    latency, evidence = _mapping(model.get("latency_ms")), _mapping(model.get("evidence"))
    low, high = (model.get("accuracy_interval") or [None, None])[:2]
    return {
        "run": run.id,
        "title": run.title,
        "kind": run.kind,
        "owner": run.owner,
        "dataset": _dataset(run),
        "role": role,
        "model": model_label(model.get("architecture")),
        "low": low,
        "high": high,
        "latency_ms": latency.get("median"),
        "latency_p95_ms": latency.get("p95"),
        "seeds": len(model.get("per_seed") or ()),
        "accuracy_evidence": evidence.get("accuracy"),
        "size_evidence": evidence.get("size_bytes"),
        "latency_evidence": latency_evidence(model, [*models_of(run).values()]),
        "macs_evidence": evidence.get("macs"),
        "device": run.device,
        "created": run.created,
        **{name: model.get(name) for name in ("accuracy", "size_bytes", "macs", "parameters", "nonzero")},
    }


def _dataset(run: Run) -> str | None:
    name = _mapping(run.spec.get("dataset")).get("name")
    return called(name) if isinstance(name, str) else None


def _mapping(value: Any) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def _plain(value: Any) -> str:
    return "-".join(map(str, value)) if isinstance(value, list) else str(value)
