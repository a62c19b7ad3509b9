"""A whole run as events: what it tells, what it leaves behind, and that stopping and going on change nothing."""

import json

import pytest
import torch

from compression import bundle, networks
from compression.data.load import load_present
from compression.errors import DataError, NotFoundError
from compression.evaluation import evaluate, score
from compression.execute import Workspace, check_references, execute
from compression.export import weights
from compression.measure.interval import interval
from compression.settings import data_root
from compression.spec import parse

SMALL = {"dataset": {"name": "digits", "train_images": 200}, "teacher": {"name": "cnn", "width": 4}}
DISTILL = parse({"kind": "distill", **SMALL, "train": {"epochs": 2}, "teacher_train": {"epochs": 2}, "seeds": [3, 5]})
COMPRESS = parse(
    {
        "kind": "compress",
        "dataset": SMALL["dataset"],
        "model": {"name": "cnn", "width": 4},
        "train": {"epochs": 2},
        "steps": [{"name": "prune", "sparsity": 0.5}, {"name": "quantize", "bits": 3}, {"name": "finetune", "epochs": 2}],
        "seeds": [0, 1],
    }
)


def workspace(root, run="one") -> Workspace:
    return Workspace(root / "runs" / run, root / "models", root / "runs")


def result(events):
    return events[-1]["result"]


@pytest.fixture(scope="module")
def told(tmp_path_factory):
    root = tmp_path_factory.mktemp("execute")
    return root, list(execute(DISTILL, workspace(root)))


def without_time(result):
    return {role: {key: value for key, value in facts.items() if key != "latency_ms"} for role, facts in result["models"].items()}


def test_events_are_json_and_end_with_the_result(told):
    _root, events = told
    json.dumps(events, allow_nan=False)
    assert [event["type"] for event in events].index("result") == len(events) - 1
    assert {event["stage"] for event in events if event["type"] == "stage"} == {
        "data",
        "teacher",
        "baseline",
        "student",
        "measure",
    }
    fractions = [event["fraction"] for event in events if event["type"] == "progress"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)


def test_every_role_and_seed_has_a_curve_from_epoch_zero(told):
    _root, events = told
    points = {(e["role"], e["seed"], e["epoch"]) for e in events if e["type"] == "metric"}
    for role, seeds in (("teacher", [0]), ("baseline", [3, 5]), ("student", [3, 5])):
        for seed in seeds:
            assert {(role, seed, epoch) for epoch in (0, 1, 2)} <= points


def test_the_result_is_what_the_files_say(told):
    root, events = told
    dataset = load_present(DISTILL.dataset, data_root())
    models = result(events)["models"]
    assert set(models) == {"teacher", "baseline", "student"}
    for facts in models.values():
        right = []
        for row in facts["per_seed"]:
            model = networks.read(root / "runs" / "one" / row["artifact"], dataset).model
            right.append(score(model, dataset)[0])
            assert row["accuracy"] == pytest.approx(float(right[-1].float().mean()))
        spread = interval(torch.stack(right))
        assert facts["accuracy_interval"] == [spread.low, spread.high]
        assert facts["accuracy"] == pytest.approx(spread.mean)
        assert facts["size_bytes"] == (root / "runs" / "one" / facts["artifact"]).stat().st_size
        assert facts["latency_ms"]["median"] > 0
        assert facts["latency_ms"]["simulated"] is False
    assert models["student"]["latency_ms"] == models["baseline"]["latency_ms"]  # the same structure
    assert len(models["student"]["latency_ms"]["blocks"]) >= 6
    difference = models["student"]["accuracy"] - models["baseline"]["accuracy"]
    assert result(events)["verdict"]["difference"] == pytest.approx(difference)
    assert models["student"]["parameters"] == 1730


def test_the_same_spec_gives_the_same_numbers(told, tmp_path):
    assert without_time(result(list(execute(DISTILL, workspace(tmp_path))))) == without_time(result(told[1]))


def test_a_teacher_is_trained_once_and_then_a_level(told):
    root, _events = told
    events = list(execute(DISTILL, workspace(root, "two")))
    teacher = [event for event in events if event["type"] == "metric" and event["role"] == "teacher"]
    assert [event["epoch"] for event in teacher] == [None]


@pytest.mark.parametrize("spec", [DISTILL, COMPRESS], ids=["distill", "compress"])
@pytest.mark.parametrize("share", [0.3, 0.7])
def test_stopping_anywhere_and_going_on_changes_nothing(tmp_path, monkeypatch, spec, share):
    monkeypatch.setattr("compression.training.CHECKPOINT_SECONDS", 0.0)
    whole = list(execute(spec, workspace(tmp_path / "whole")))
    stopped = execute(spec, workspace(tmp_path / "stopped"))
    for _event in zip(range(int(share * len(whole))), stopped, strict=False):
        pass
    stopped.close()
    resumed = list(execute(spec, workspace(tmp_path / "stopped")))
    assert len(resumed) < len(whole)
    assert without_time(result(resumed)) == without_time(result(whole))
    assert result(resumed)["verdict"] == result(whole)["verdict"]


def test_a_compression_takes_the_student_of_a_run_and_reads_back_what_it_wrote(told):
    root, _events = told
    spec = parse({**COMPRESS.to_json(), "model": {"run": "one111", "role": "student", "seed": 3}, "seeds": [0]})
    (root / "runs" / "one111").symlink_to(root / "runs" / "one")
    check_references(spec, workspace(root, "three"))
    events = list(execute(spec, workspace(root, "three")))
    compressed = result(events)["models"]["compressed"]
    dataset = load_present(spec.dataset, data_root())
    model = networks.read(root / "runs" / "three" / compressed["artifact"], dataset).model
    for name, parameter in model.named_parameters():
        if parameter.ndim > 1:
            levels = [row.unique() for row in parameter.detach().flatten(1)]
            assert all(len(row) <= 2**3 for row in levels), name
    pruned = sum(int((p == 0).sum()) for p in model.parameters() if p.ndim > 1)
    assert pruned >= 0.5 * sum(p.numel() for p in model.parameters() if p.ndim > 1) - 1
    assert compressed["evidence"]["accuracy"] == "file"
    assert {"before_recovery", "agreement"} <= set(compressed)


def test_a_network_that_does_not_exist_or_does_not_fit_is_a_sentence(told):
    root, _events = told
    missing = parse({"kind": "compress", "model": {"run": "one111", "role": "student", "seed": 4}})
    with pytest.raises(NotFoundError, match="seed 4"):
        check_references(missing, workspace(root, "x"))
    dataset = load_present(DISTILL.dataset, data_root())
    path = root / "other.safetensors"
    facts = {**networks.facts_of({"name": "cnn", "width": 2}, dataset), "dataset": "mnist", "shape": [1, 28, 28]}
    weights.save(path, networks.build({"name": "cnn", "width": 2}, dataset, seed=0), facts)
    with pytest.raises(DataError, match="mnist"):
        networks.read(path, dataset)


def test_without_a_baseline_there_is_no_verdict(tmp_path):
    spec = parse({**DISTILL.to_json(), "baseline": False, "seeds": [3]})
    told = result(list(execute(spec, workspace(tmp_path))))
    assert told["verdict"] is None
    assert set(told["models"]) == {"teacher", "student"}


def test_the_bundled_networks_are_those_of_the_default_specs():
    for dataset_choice, architecture, recipe, seed in bundle.bundled():
        path = networks.BUNDLED / f"{networks.cache_key(dataset_choice, architecture, recipe, seed)}.safetensors"
        told = json.loads(path.with_suffix(".json").read_text())
        dataset = load_present(dataset_choice, data_root())
        network = networks.read(path, dataset)
        assert network.architecture == architecture == told["architecture"]
        assert evaluate(network.model, network.data)["val_accuracy"] == pytest.approx(told["val_accuracy"])
        assert told["val_accuracy"] > 0.97
