"""Whole compressions on digits, small and short, checked against the files that they leave."""

import json
import shutil
from dataclasses import replace

import pytest
import torch

from compression import networks, training
from compression.data.load import load_present
from compression.execute import execute
from compression.export import compact, weights
from compression.networks import Workspace
from compression.observers.fake_quantize import activation_grids
from compression.preview import preview
from compression.pruning.layer_facts import MOST_IMAGES
from compression.quantization.quantized import Quantized
from compression.spec import parse

PRUNE = {"name": "prune", "sparsity": 0.5}
QUANTIZE = {"name": "quantize", "bits": 3}
FINETUNE = {"name": "finetune", "epochs": 2, "lr": 0.02}
CHOICE = {"name": "digits", "train_images": None, "split_seed": 0}


def request(steps, **fields):
    model = {"name": "cnn", "width": 3}
    return parse({"kind": "compress", "model": model, "train": {"epochs": 2}, "seeds": [0, 1], "steps": steps, **fields})


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Networks trained once for all tests."""
    return tmp_path_factory.mktemp("models")


def workspace(tmp_path, shared, name="run00001"):
    return Workspace(tmp_path / "runs" / name, shared, tmp_path / "runs")


def events_of(spec, place):
    events = list(execute(spec, place))
    assert events == json.loads(json.dumps(events, allow_nan=False))
    return events


def accuracy_on_test(path):
    """Return the accuracy of a file's network, computed here."""
    dataset = load_present(CHOICE, path.parent)
    model = networks.read(path, dataset).model
    with torch.no_grad():
        logits = model((dataset.test.inputs.float() - dataset.mean) / dataset.std)
    return float((logits.argmax(1) == dataset.test.labels).double().mean())


@pytest.fixture(scope="module")
def whole(tmp_path_factory, shared):
    place = workspace(tmp_path_factory.mktemp("whole"), shared)
    return place, events_of(request([PRUNE, QUANTIZE, FINETUNE]), place)


def test_the_result_is_what_the_files_say(whole):
    place, events = whole
    result = events[-1]["result"]
    assert events[-1]["type"] == "result"
    assert list(result["models"]) == ["original", "compressed"]
    for role, model in result["models"].items():
        for row in model["per_seed"]:
            assert row["accuracy"] == pytest.approx(accuracy_on_test(place.folder / row["artifact"]))
        assert model["accuracy"] == pytest.approx(sum(row["accuracy"] for row in model["per_seed"]) / 2)
        low, high = model["accuracy_interval"]
        assert low <= model["accuracy"] <= high
        assert model["size_bytes"] == (place.folder / model["artifact"]).stat().st_size
        assert model["latency_ms"]["median"] <= model["latency_ms"]["p95"]
        assert model["latency_ms"]["simulated"] is False
        assert model["architecture"] == {"name": "cnn", "width": 3}
        assert model["evidence"]["accuracy"] == ("file" if role == "compressed" else "measured")
    original, compressed = result["models"].values()
    assert original["latency_ms"] == compressed["latency_ms"]  # no channel is removed
    assert original["parameters"] == compressed["parameters"]
    assert original["macs"] == compressed["macs"]
    assert compressed["nonzero"] < 0.6 * original["nonzero"]
    assert compressed["size_bytes"] < original["size_bytes"] / 3


def test_the_compressed_file_has_the_sparsity_and_the_bits(whole):
    place, events = whole
    header, tensors = compact.read(place.folder / "compressed-seed1.compact")
    levels = {record["name"] for record in header["tensors"] if record.get("bits") == 3}
    assert levels == {name for name, tensor in tensors.items() if tensor.dim() >= 2}
    zeros = sum(int((tensors[name] == 0).sum()) for name in levels)
    assert zeros >= round(0.5 * sum(tensors[name].numel() for name in levels))
    for name in levels:
        assert all(row.unique().numel() <= 7 for row in tensors[name])
    rows = {(event["role"], event["seed"]): event["rows"] for event in events if event["type"] == "layers"}
    assert list(rows) == [("original", 0), ("compressed", 0), ("original", 1), ("compressed", 1)]
    assert {row["bits"] for row in rows["compressed", 1] if row["macs"]} == {3}
    nonzero = sum(row["nonzero"] for row in rows["compressed", 0])
    assert nonzero == events[-1]["result"]["models"]["compressed"]["nonzero"]


def test_before_recovery_is_the_network_after_the_steps_that_do_not_train(whole, tmp_path, shared):
    _place, events = whole
    place = workspace(tmp_path, shared)
    bare = events_of(request([PRUNE, QUANTIZE]), place)[-1]["result"]["models"]["compressed"]
    recovered = events[-1]["result"]["models"]["compressed"]
    for before, after in zip(bare["per_seed"], recovered["per_seed"], strict=True):
        assert before["accuracy"] == before["before_recovery"] == after["before_recovery"]
    assert recovered["before_recovery"] == pytest.approx(bare["accuracy"])
    assert recovered["accuracy"] > recovered["before_recovery"]


def test_a_criterion_with_gradients_gives_the_same_before_recovery_whether_previewed_or_run(tmp_path, shared):
    """The preview holds the first training images alone, which are all that a criterion may ask for."""
    spec = request([{**PRUNE, "criterion": {"name": "taylor", "images": 128}}, FINETUNE], seeds=[0])
    place = workspace(tmp_path, shared)
    (row,) = events_of(spec, place)[-1]["result"]["models"]["compressed"]["per_seed"]
    network = networks.read(place.folder / "original-seed0.safetensors", load_present(CHOICE, tmp_path))
    few = replace(network, data=network.data.first(MOST_IMAGES))
    (point,) = preview(few, spec.steps, sweep="sparsity", values=[0.5])
    assert point["accuracy"] == row["before_recovery_validation"]
    plain = request([PRUNE, FINETUNE], seeds=[0])
    assert next(preview(few, plain.steps, sweep="sparsity", values=[0.5])) != point


def test_activations_stay_rounded_from_the_preview_to_the_compression_of_the_run(tmp_path, shared):
    rounded = {"name": "quantize_activations", "activation_bits": 3, "observer": {"name": "moving_average", "rate": 0.5}}
    spec, place = request([QUANTIZE, rounded, FINETUNE], seeds=[0]), workspace(tmp_path, shared)
    events = events_of(spec, place)
    models, path = events[-1]["result"]["models"], place.folder / "compressed-seed0.compact"
    (row,) = models["compressed"]["per_seed"]
    assert row["accuracy"] == pytest.approx(accuracy_on_test(path))
    assert {role: model["latency_ms"]["simulated"] for role, model in models.items()} == {"original": False, "compressed": True}
    assert {role: model["evidence"]["latency_ms"] for role, model in models.items()} == {
        "original": "measured",
        "compressed": "simulated",
    }
    data = load_present(CHOICE, tmp_path)
    original = networks.read(place.folder / "original-seed0.safetensors", data)
    few = replace(original, data=original.data.first(MOST_IMAGES))
    (point,) = preview(few, spec.steps, sweep="bits", values=[3])
    assert point["accuracy"] == row["before_recovery_validation"]
    grids = activation_grids(networks.read(path, data).model)
    layers = next(event["rows"] for event in events if event["type"] == "layers" and event["role"] == "compressed")
    assert {one["layer"]: one["activation_high"] for one in layers if one["macs"]} == {
        name: grid.high for name, grid in grids.items()
    }
    further = request([PRUNE], seeds=[0], model={"run": "run00001", "role": "compressed", "seed": 0})
    onwards = workspace(tmp_path, shared, "run00002")
    result = events_of(further, onwards)[-1]["result"]["models"]
    assert result["original"]["accuracy"] == pytest.approx(row["accuracy"])
    assert result["original"]["latency_ms"]["simulated"] is True
    for file in ("original-seed0.safetensors", "compressed-seed0.compact"):
        assert activation_grids(networks.read(onwards.folder / file, data).model) == grids


def test_events_tell_the_order_and_the_progress(whole):
    _place, events = whole
    stages = [(event["stage"], event["seed"]) for event in events if event["type"] == "stage"]
    assert stages == [("data", None), ("original", 0), ("compress", 0), ("original", 1), ("compress", 1), ("measure", None)]
    fractions = [event["fraction"] for event in events if event["type"] == "progress"]
    assert fractions == sorted(fractions)
    assert fractions[0] < 0.2
    assert fractions[-1] == 1.0
    epochs = [e["epoch"] for e in events if e["type"] == "metric" and (e["role"], e["seed"]) == ("compressed", 0)]
    assert epochs == [0, 1, 2]
    first = next(event for event in events if event["type"] == "metric" and event["role"] == "compressed")
    assert first["values"].keys() >= {"val_loss", "val_accuracy", "agreement"}
    artifacts = [event["name"] for event in events if event["type"] == "artifact"]
    assert artifacts == [
        name for seed in (0, 1) for name in (f"original-seed{seed}.safetensors", f"compressed-seed{seed}.compact")
    ]


def test_the_verdict_is_paired(whole):
    _place, events = whole
    verdict = events[-1]["result"]["verdict"]
    assert verdict["claim"] == "compressed loses at most 1 point"
    assert verdict["seeds"] == 2
    compressed, original = (events[-1]["result"]["models"][role]["accuracy"] for role in ("compressed", "original"))
    assert verdict["difference"] == pytest.approx(compressed - original)


def test_the_tolerance_decides(tmp_path, shared):
    """So few weights without recovery lose much: too much for one point, not for all of them."""
    steps = [{"name": "prune", "sparsity": 0.97}]
    place = workspace(tmp_path, shared)
    specs = [request(steps, tolerance=tolerance, seeds=[0, 1, 2, 3]) for tolerance in (0.01, 1.0)]
    verdicts = [events_of(spec, place)[-1]["result"]["verdict"] for spec in specs]
    assert [verdict["answer"] for verdict in verdicts] == ["no", "yes"]
    assert verdicts[1]["claim"] == "compressed loses at most 100 points"


def test_one_network_is_one_seed_however_often_it_is_asked_for(whole, shared):
    place, _events = whole
    model = {"run": place.folder.name, "role": "original", "seed": 0}
    again = Workspace(place.runs / "copies", shared, place.runs)
    result = events_of(request([PRUNE], model=model, seeds=[0, 1, 2]), again)[-1]["result"]
    assert (result["verdict"]["seeds"], result["verdict"]["reason"]) == (1, "one_seed")
    assert result["verdict"]["fixed"] == "original"
    one = events_of(request([PRUNE], model=model, seeds=[0]), Workspace(place.runs / "once", shared, place.runs))
    for role, described in one[-1]["result"]["models"].items():
        assert result["models"][role]["accuracy_interval"] == described["accuracy_interval"]


def test_executing_again_reads_back_and_gives_the_same_numbers(whole, shared, monkeypatch):
    place, events = whole

    def refuse(*_args, **_kwargs):
        raise AssertionError("nothing is left to train")

    monkeypatch.setattr("compression.lab.train", refuse)
    again = events_of(request([PRUNE, QUANTIZE, FINETUNE]), place)
    assert without_latency(again[-1]["result"]) == without_latency(events[-1]["result"])


def test_what_is_done_counts_as_done(whole, tmp_path, shared):
    place, events = whole
    half = workspace(tmp_path, shared)
    shutil.copytree(place.folder, half.folder)
    (half.folder / "compressed-seed1.compact").unlink()
    again = events_of(request([PRUNE, QUANTIZE, FINETUNE]), half)
    fractions = [event["fraction"] for event in again if event["type"] == "progress"]
    assert fractions[0] == pytest.approx(0.5)
    assert fractions[-1] == 1.0
    assert without_latency(again[-1]["result"]) == without_latency(events[-1]["result"])


def without_latency(result):
    models = {role: {k: v for k, v in model.items() if k != "latency_ms"} for role, model in result["models"].items()}
    return {name: value for name, value in result.items() if name != "timing"} | {"models": models}


@pytest.mark.parametrize("stop_at", [1, 3])
def test_a_run_stopped_while_fine_tuning_goes_on_to_the_same_numbers(tmp_path, shared, monkeypatch, stop_at):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
    spec = request([QUANTIZE, {**FINETUNE, "epochs": 4}, PRUNE, {**FINETUNE, "epochs": 4}], seeds=[0])
    undisturbed = events_of(spec, workspace(tmp_path, shared, "undisturbed"))
    place = workspace(tmp_path, shared, "stopped1")
    events = execute(spec, place)
    for event in events:
        if event["type"] == "metric" and event["role"] == "compressed" and event["epoch"] == 4 + stop_at:
            break
    next(events)
    events.close()
    assert not (place.folder / "compressed-seed0.compact").exists()
    resumed = events_of(spec, place)
    assert without_latency(resumed[-1]["result"]) == without_latency(undisturbed[-1]["result"])
    epochs = [event["epoch"] for event in resumed if event["type"] == "metric" and event["role"] == "compressed"]
    assert min(epochs) >= 4, "the first fine-tuning is behind it"
    names = sorted(file.name for file in place.folder.iterdir())
    assert names == ["compressed-seed0.compact", "original-seed0.safetensors"]
    assert (place.folder / names[0]).read_bytes() == (tmp_path / "runs" / "undisturbed" / names[0]).read_bytes()


def test_the_original_teaches_where_a_loss_is_named(tmp_path, shared):
    taught = request([PRUNE, {**FINETUNE, "loss": {"name": "kd", "alpha": 1.0}}], seeds=[0])
    alone = request([PRUNE, FINETUNE], seeds=[0])
    events = {
        name: events_of(spec, workspace(tmp_path, shared, name)) for name, spec in (("taught001", taught), ("alone0001", alone))
    }
    terms = {
        name: {key for event in told if event["type"] == "metric" and event["role"] == "compressed" for key in event["values"]}
        for name, told in events.items()
    }
    assert {"term_hard", "term_soft"} <= terms["taught001"]
    assert "term_soft" not in terms["alone0001"]
    files = [(tmp_path / "runs" / name / "compressed-seed0.compact").read_bytes() for name in events]
    assert files[0] != files[1]


def test_a_network_of_an_earlier_run_even_a_compressed_one(whole, shared):
    earlier, events = whole
    reference = {"run": earlier.folder.name, "role": "compressed", "seed": 1}
    place = Workspace(earlier.runs / "run00002", shared, earlier.runs)
    again = events_of(request([{"name": "prune", "sparsity": 0.9}], model=reference, seeds=[5]), place)
    models = again[-1]["result"]["models"]
    assert models["original"]["architecture"] == {"name": "cnn", "width": 3}
    assert models["original"]["accuracy"] == pytest.approx(
        events[-1]["result"]["models"]["compressed"]["per_seed"][1]["accuracy"]
    )
    assert models["original"]["artifact"] == "original-seed5.safetensors"
    _header, tensors = compact.read(earlier.folder / "compressed-seed1.compact")
    copied, _facts = weights.load(place.folder / "original-seed5.safetensors")
    assert all(torch.equal(copied[name], tensor) for name, tensor in tensors.items())
    metrics = [event for event in again if event["type"] == "metric" and event["role"] == "compressed"]
    assert [event["epoch"] for event in metrics] == [None]


def test_fine_tuning_a_compressed_network_keeps_its_zeros_its_levels_and_its_size(tmp_path, shared):
    earlier = workspace(tmp_path, shared)
    first = events_of(request([PRUNE, QUANTIZE], seeds=[0]), earlier)[-1]["result"]["models"]["compressed"]
    place = Workspace(earlier.runs / "run00002", shared, earlier.runs)
    reference = {"run": earlier.folder.name, "role": "compressed", "seed": 0}
    again = events_of(request([FINETUNE], model=reference, seeds=[0]), place)[-1]["result"]["models"]["compressed"]
    before, after = (compact.read_contents(run.folder / "compressed-seed0.compact")[1] for run in (earlier, place))
    moved = False
    for name, levels in before.items():
        if isinstance(levels, Quantized):
            moved |= not torch.equal(levels.levels, after[name].levels)
            assert torch.equal(levels.scale, after[name].scale)
            assert (after[name].dequantize()[levels.dequantize() == 0] == 0).all()
    assert moved
    assert again["nonzero"] <= first["nonzero"]
    assert again["size_bytes"] <= 1.1 * first["size_bytes"]


def test_stopping_at_any_event_leaves_nothing_half_written(tmp_path, shared):
    spec = request([PRUNE, FINETUNE], seeds=[0])
    events = execute(spec, workspace(tmp_path, shared))
    for event in events:
        if event["type"] == "metric" and event["role"] == "compressed":
            break
    events.close()
    assert [file.name for file in (tmp_path / "runs" / "run00001").iterdir()] == ["original-seed0.safetensors"]


def test_a_compressed_network_goes_on_being_compressed(tmp_path, shared):
    place = workspace(tmp_path, shared, "first00001")
    events_of(request([PRUNE, QUANTIZE], seeds=[0]), place)
    taken = {"run": "first00001", "role": "compressed", "seed": 0}
    second = workspace(tmp_path, shared, "second0001")
    result = events_of(request([FINETUNE], model=taken, seeds=[0]), second)[-1]["result"]
    before, after = (compact.read(folder / "compressed-seed0.compact") for folder in (place.folder, second.folder))
    for name, tensor in before[1].items():
        if tensor.dim() >= 2:
            assert not after[1][name][tensor == 0].any()
            assert all(row.unique().numel() <= 7 for row in after[1][name])
    assert any(not torch.equal(after[1][name], tensor) for name, tensor in before[1].items())
    assert result["models"]["compressed"]["size_bytes"] < 1.1 * (place.folder / "compressed-seed0.compact").stat().st_size
    assert after[0]["metadata"]["steps"] == [*before[0]["metadata"]["steps"], {**FINETUNE, "loss": None}]
