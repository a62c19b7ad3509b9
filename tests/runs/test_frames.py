"""Tables of what runs told."""

import dataclasses

import pandas as pd
import pytest

from compression.runs.frames import MODEL_COLUMNS, metrics_frame, model_label, models_frame
from compression.runs.records import Event, Run

RUN = Run(
    id="abc",
    owner="ada",
    kind="distill",
    title="T = 4",
    spec={"dataset": {"name": "digits"}},
    hash="h",
    state="finished",
    device="cpu",
    created=86400.0,
    started=86401.0,
    finished=86402.0,
    seconds=1.0,
    stage="",
    fraction=1.0,
    seconds_left=None,
    cancelling=False,
    error=None,
    result={
        "models": {
            "student": {
                "accuracy": 0.967,
                "accuracy_interval": [0.95, 0.98],
                "per_seed": [{"seed": 0, "accuracy": 0.96}, {"seed": 1, "accuracy": 0.974}],
                "parameters": 510,
                "nonzero": 500,
                "macs": 31400,
                "size_bytes": 3100,
                "latency_ms": {"median": 0.06, "p95": 0.09, "batch_size": 1},
                "architecture": {"name": "cnn", "width": 2},
                "evidence": {"accuracy": "measured", "size_bytes": "file", "latency_ms": "measured", "macs": "counted"},
            }
        },
        "verdict": None,
    },
)


def metric(seq: int, epoch: float | None, role: str = "student", **values: float | None) -> Event:
    return Event(seq, 0.0, "metric", {"role": role, "seed": 0, "epoch": epoch, "values": values})


def test_each_value_is_a_row_and_the_last_telling_counts() -> None:
    events = [
        metric(1, 2, val_accuracy=0.5),
        metric(2, 1, val_accuracy=0.4, train_loss=2.0),
        Event(3, 0.0, "stage", {"text": "Again"}),
        metric(4, 2, val_accuracy=0.6),
        metric(5, None, role="teacher", val_accuracy=0.99),
        Event(6, 0.0, "metric", {"values": None}),
    ]
    frame = metrics_frame(events)
    assert list(frame.columns) == ["role", "seed", "epoch", "metric", "value"]
    rows = [tuple(row) for row in frame.fillna(-1).itertuples(index=False)]
    assert rows == [
        ("student", 0, 1.0, "train_loss", 2.0),
        ("student", 0, 1.0, "val_accuracy", 0.4),
        ("student", 0, 2.0, "val_accuracy", 0.6),
        ("teacher", 0, -1.0, "val_accuracy", 0.99),
    ]


def test_a_missing_number_stays_missing() -> None:
    frame = metrics_frame([metric(1, 1, train_loss=None)])
    assert frame["value"].isna().tolist() == [True]
    assert str(metrics_frame([])["value"].dtype) == "float64"


def test_each_model_is_a_row_with_its_evidence() -> None:
    frame = models_frame([RUN, dataclasses.replace(RUN, result=None)])
    assert list(frame.columns) == MODEL_COLUMNS
    row = frame.iloc[0].to_dict()
    assert row["created"] == pd.Timestamp("1970-01-02", tz="UTC")
    expected = {
        "run": "abc",
        "title": "T = 4",
        "dataset": "digits",
        "role": "student",
        "model": "cnn width 2",
        "accuracy": 0.967,
        "low": 0.95,
        "high": 0.98,
        "size_bytes": 3100,
        "latency_ms": 0.06,
        "latency_p95_ms": 0.09,
        "macs": 31400,
        "parameters": 510,
        "nonzero": 500,
        "seeds": 2,
        "size_evidence": "file",
        "macs_evidence": "counted",
    }
    assert {name: row[name] for name in expected} == expected


@pytest.mark.parametrize(
    ("latency", "evidence"),
    [
        ({"median": 0.1, "p95": 0.2}, "measured"),
        ({"median": 0.1, "p95": 0.2, "simulated": True}, "simulated"),
        ({"median": 0.1, "p95": 9.0}, "disturbed"),
        ({"median": 0.4, "p95": 0.5}, "disturbed"),  # four times that of a network of the same structure
    ],
)
def test_how_a_latency_was_come_by_says_whether_it_is_reliable(latency: dict, evidence: str) -> None:
    twin = {"architecture": {"name": "cnn"}, "parameters": 9, "macs": 9, "evidence": {"latency_ms": "measured"}}
    models = {"student": twin | {"latency_ms": latency}, "baseline": twin | {"latency_ms": {"median": 0.1, "p95": 0.2}}}
    frame = models_frame([dataclasses.replace(RUN, result={"models": models})])
    assert frame["latency_evidence"][0] == evidence


def test_results_of_other_shapes_do_not_break_the_table() -> None:
    strange = {"accuracy": 0.6, "latency_ms": "fast", "evidence": []}
    odd = [{}, {"models": None}, {"models": {"student": None}}, {"models": {"student": {"accuracy": 0.5}, "teacher": strange}}]
    frame = models_frame([dataclasses.replace(RUN, result=result) for result in odd])
    assert frame["accuracy"].tolist() == [0.5, 0.6]
    assert models_frame([]).empty


def test_labels_read_as_a_name_and_its_settings() -> None:
    assert model_label({"name": "mlp", "hidden": [32, 16]}) == "mlp hidden 32-16"
    assert model_label({"name": "resnet", "depth": 20, "width": 16}) == "resnet depth 20, width 16"
    assert model_label({"name": "lenet5"}) == "lenet5"
    assert model_label(None) == "?"
