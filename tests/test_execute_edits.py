"""Whole compressions that remove channels for good, and what is done with their files afterwards."""

import json
import shutil

import pytest
import torch

from compression import networks, training
from compression.data.load import load_present
from compression.errors import DataError, SpecError
from compression.execute import check_references, execute
from compression.execute.compress import apply_at_once
from compression.export import compact, weights
from compression.measure.layers import nonzero, parameters
from compression.measure.macs import macs
from compression.networks import Workspace
from compression.observers.fake_quantize import activation_grids
from compression.preview import preview
from compression.spec import override, parse
from compression.steps import gradual
from tests.test_execute_compress import CHOICE, accuracy_on_test, events_of, request, without_latency, workspace

PRUNE = {"name": "prune", "sparsity": 0.5, "granularity": "channel", "scope": "layer"}
REMOVE = {"name": "remove"}
QUANTIZE = {"name": "quantize", "bits": 4}
FINETUNE = {"name": "finetune", "epochs": 2, "lr": 0.02}
STEPS = [PRUNE, REMOVE, FINETUNE, QUANTIZE]
REMAINING = {"0.weight": (1, 1, 3, 3), "3.weight": (3, 1, 3, 3), "6.weight": (6, 3, 3, 3), "11.weight": (10, 6)}


@pytest.fixture(scope="module")
def shared(tmp_path_factory):
    """Networks trained once for all tests."""
    return tmp_path_factory.mktemp("models")


@pytest.fixture(scope="module")
def whole(tmp_path_factory, shared):
    place = workspace(tmp_path_factory.mktemp("whole"), shared)
    return place, events_of(request(STEPS), place)


def network_in(path):
    return networks.read(path, load_present(CHOICE, path.parent))


def test_the_files_hold_smaller_networks_and_the_result_counts_them(whole):
    place, events = whole
    original, compressed = events[-1]["result"]["models"].values()
    found = [network_in(place.folder / row["artifact"]) for row in compressed["per_seed"]]
    for row, network in zip(compressed["per_seed"], found, strict=True):
        assert {name: weight.shape for name, weight in network.model.state_dict().items() if name in REMAINING} == REMAINING
        assert row["accuracy"] == pytest.approx(accuracy_on_test(place.folder / row["artifact"]))
    assert found[0].facts["edits"] != found[1].facts["edits"], "each seed loses channels of its own"
    model = found[0].model
    assert compressed["parameters"] == parameters(model) == 9 + 3 + 3 * 9 + 9 + 6 * 27 + 18 + 70
    assert compressed["macs"] == macs(model, (1, 8, 8)) == 64 * (9 + 3 * 9 + 6 * 27) + 60
    assert compressed["nonzero"] == nonzero(model)
    assert compressed["macs"] < original["macs"] / 2
    assert compressed["size_bytes"] == (place.folder / "compressed-seed0.compact").stat().st_size
    assert compressed["latency_ms"]["simulated"] is False
    assert compressed["architecture"] == original["architecture"]
    rows = {event["role"]: event["rows"] for event in events if event["type"] == "layers" and event["seed"] == 0}
    assert [tuple(row["shape"]) for row in rows["compressed"] if row["macs"]] == [*REMAINING.values()]
    assert sum(row["macs"] for row in rows["compressed"]) == compressed["macs"]


def test_removed_is_what_masked_was_and_smaller(whole, tmp_path, shared):
    """Without training between them, removing changes neither the predictions nor what agrees with the original."""
    removed = events_of(request([PRUNE, REMOVE]), workspace(tmp_path, shared, "removed1"))[-1]["result"]["models"]
    masked = events_of(request([PRUNE]), workspace(tmp_path, shared, "masked01"))[-1]["result"]["models"]
    for name in ("accuracy", "agreement", "before_recovery"):
        assert removed["compressed"][name] == masked["compressed"][name]
    assert removed["compressed"]["nonzero"] < masked["compressed"]["nonzero"]  # inputs that were always zero are gone, too
    for name in ("size_bytes", "macs", "parameters"):
        assert removed["compressed"][name] < masked["compressed"][name]
    assert removed["original"]["macs"] == masked["compressed"]["macs"]


def test_a_preview_at_each_sparsity_is_what_the_run_has_before_recovery(whole):
    place, _events = whole
    original = network_in(place.folder / "original-seed0.safetensors")
    shapes = {name: tensor.shape for name, tensor in original.model.state_dict().items()}
    told = list(preview(original, STEPS, sweep="sparsity", values=[0.9, 0.0, 0.5, 0.5]))
    assert told[2] == told[3], "what one value removed, the next has again"
    assert told[0]["nonzero"] < told[2]["nonzero"] < told[1]["nonzero"]
    for point in told:
        steps = [{**PRUNE, "sparsity": point["value"]}, *STEPS[1:]]
        state = apply_at_once(original, steps)
        facts = networks.compressed_facts(original.facts, [step for step in steps if step["name"] != "finetune"], state)
        assert point["size_bytes"] == compact.size(state.contents(), facts)
        assert point["nonzero"] == nonzero(state.model)
    assert {name: tensor.shape for name, tensor in original.model.state_dict().items()} == shapes
    bits = list(preview(original, STEPS, sweep="bits", values=[2, 8]))
    assert bits[0]["size_bytes"] < bits[1]["size_bytes"]


@pytest.mark.parametrize("stop_at", [1, 3])
def test_a_run_stopped_after_removing_goes_on_to_the_same_numbers(tmp_path, shared, monkeypatch, stop_at):
    monkeypatch.setattr(training, "CHECKPOINT_SECONDS", -1.0)
    spec = request([PRUNE, REMOVE, FINETUNE, {**PRUNE, "sparsity": 0.7}, REMOVE, QUANTIZE, FINETUNE], seeds=[0])
    undisturbed = events_of(spec, workspace(tmp_path, shared, "undisturbed"))
    place = workspace(tmp_path, shared, "stopped1")
    events = execute(spec, place)
    for event in events:
        if event["type"] == "metric" and event["role"] == "compressed" and event["epoch"] == stop_at:
            break
    next(events)
    events.close()
    resumed = events_of(spec, place)
    assert without_latency(resumed[-1]["result"]) == without_latency(undisturbed[-1]["result"])
    files = [tmp_path / "runs" / name / "compressed-seed0.compact" for name in ("stopped1", "undisturbed")]
    assert files[0].read_bytes() == files[1].read_bytes()
    edits = [edit["layer"] for edit in network_in(files[0]).facts["edits"]]
    assert len(edits) > len(set(edits)), "a second removal comes on top of the first"


ROUND_INPUTS = {"name": "quantize_activations", "calibration_images": 32}


@pytest.mark.parametrize(
    "steps",
    [[PRUNE, QUANTIZE, FINETUNE, REMOVE], [ROUND_INPUTS, PRUNE, REMOVE, QUANTIZE], [PRUNE, REMOVE, ROUND_INPUTS, QUANTIZE]],
)
def test_quantized_and_removed_in_either_order(tmp_path, shared, steps):
    place = workspace(tmp_path, shared)
    row = events_of(request(steps, seeds=[0]), place)[-1]["result"]["models"]["compressed"]["per_seed"][0]
    network = network_in(place.folder / "compressed-seed0.compact")
    assert network.model[3].weight.shape == REMAINING["3.weight"]
    assert all(channel.unique().numel() <= 15 for channel in network.model[6].weight)
    assert len(activation_grids(network.model)) == (4 if ROUND_INPUTS in steps else 0)
    assert row["accuracy"] == pytest.approx(accuracy_on_test(place.folder / row["artifact"]))


def test_pruned_gradually_then_removed(tmp_path, shared):
    place = workspace(tmp_path, shared)
    step = {**PRUNE, "name": "gradual", "epochs": 2, "updates": 4, "until": {"name": "file_size", "kilobytes": 1}}
    events_of(request([step, REMOVE, QUANTIZE], seeds=[0]), place)
    network = network_in(place.folder / "compressed-seed0.compact")
    assert network.model[0].weight.shape[0] < 3
    assert network.facts["edits"]


def test_a_target_of_bytes_counts_what_the_file_says_of_removed_channels(tmp_path, shared, monkeypatch):
    told, true = [], gradual.Reached

    def note(now, before, size, epoch):
        told.append(size())
        return true(now, before, size, epoch)

    monkeypatch.setattr(gradual, "Reached", note)
    until = {"name": "file_size", "kilobytes": 100}
    place = workspace(tmp_path, shared)
    events_of(request([PRUNE, REMOVE, {"name": "gradual", "epochs": 2, "until": until}], seeds=[0]), place)
    size = (place.folder / "compressed-seed0.compact").stat().st_size
    assert size <= told[-1] < size + 30, "all but whether it has converged"


def test_a_network_of_an_earlier_run_is_compressed_on_and_can_teach(whole, shared):
    earlier, _events = whole
    reference = {"run": earlier.folder.name, "role": "compressed", "seed": 1}
    again = Workspace(earlier.runs / "again001", shared, earlier.runs)
    spec = request([{**PRUNE, "sparsity": 0.7}, REMOVE, FINETUNE], model=reference, seeds=[3])
    check_references(spec, again)
    result = events_of(spec, again)[-1]["result"]["models"]
    assert result["original"]["macs"] == 64 * (9 + 3 * 9 + 6 * 27) + 60
    copied = network_in(again.folder / "original-seed3.safetensors")
    onward = network_in(again.folder / "compressed-seed3.compact")
    before = network_in(earlier.folder / "compressed-seed1.compact")
    assert torch.equal(copied.validation_logits, before.validation_logits)
    assert onward.facts["edits"][: len(before.facts["edits"])] == before.facts["edits"] == copied.facts["edits"]
    assert onward.model[6].weight.shape[0] < before.model[6].weight.shape[0]
    teaching = Workspace(earlier.runs / "teach001", shared, earlier.runs)
    losses = [{"name": "kd"}, {"name": "fitnets"}]
    fields = {"student": {"name": "cnn", "width": 2}, "train": {"epochs": 1}, "seeds": [0], "transfer": {"images": 100}}
    spec = parse({"kind": "distill", "teacher": reference, "loss": losses, **fields})
    check_references(spec, teaching)
    teacher = events_of(spec, teaching)[-1]["result"]["models"]["teacher"]
    assert teacher["macs"] == result["original"]["macs"]


def test_a_network_without_edits_has_the_bytes_of_before(tmp_path, shared):
    place = workspace(tmp_path, shared)
    events_of(request([{"name": "prune", "sparsity": 0.5}], seeds=[0]), place)
    _tensors, facts = weights.load(place.folder / "original-seed0.safetensors")
    header, _contents = compact.read(place.folder / "compressed-seed0.compact")
    assert "edits" not in facts
    assert "edits" not in header["metadata"]


def forged(whole, tmp_path, edits):
    """Return a file of the run in which somebody has changed the list of edits."""
    place, _events = whole
    header, contents = compact.read_contents(place.folder / "compressed-seed0.compact")
    compact.write(tmp_path / "forged.compact", contents, {**header["metadata"], "edits": edits})
    return tmp_path / "forged.compact"


@pytest.mark.parametrize(
    "change",
    [
        lambda edits: [],
        lambda edits: edits[:-1],
        lambda edits: edits[::-1][1:],
        lambda edits: [*edits, edits[0]],
        lambda edits: [{**edits[0], "removed": [0]}, *edits[1:]],
        lambda edits: [{**edits[0], "removed": [99]}, *edits[1:]],
        lambda edits: [{"name": "melt"}],
        lambda edits: "remove",
        lambda edits: {"0": edits},
        lambda edits: edits * 100,
    ],
)
def test_a_file_whose_edits_do_not_fit_is_refused_by_name(whole, tmp_path, change):
    edits = compact.read(whole[0].folder / "compressed-seed0.compact")[0]["metadata"]["edits"]
    with pytest.raises(DataError, match=r"forged\.compact") as caught:
        network_in(forged(whole, tmp_path, change(edits)))
    assert "\n" not in str(caught.value)


def test_a_broken_list_of_edits_is_told_before_a_run_starts(whole, tmp_path, shared):
    place = Workspace(tmp_path / "runs" / "run00002", shared, tmp_path / "runs")
    (tmp_path / "runs" / "forged01").mkdir(parents=True)
    shutil.move(forged(whole, tmp_path, [{"name": "melt"}]), tmp_path / "runs" / "forged01" / "compressed-seed0.compact")
    reference = {"run": "forged01", "role": "compressed", "seed": 0}
    with pytest.raises(DataError, match=r"compressed-seed0\.compact.*melt"):
        check_references(request([FINETUNE], model=reference), place)


@pytest.mark.parametrize(
    ("steps", "model", "reason"),
    [
        ([REMOVE], {"name": "cnn"}, "granularity channel"),
        ([{"name": "prune"}, REMOVE], {"name": "cnn"}, "granularity channel"),
        ([REMOVE, PRUNE], {"name": "cnn"}, "granularity channel"),
        ([PRUNE, REMOVE], {"name": "resnet", "depth": 8}, "cannot be followed"),
        ([PRUNE, REMOVE], {"name": "mobilenet_v2"}, "cannot be followed"),
        ([PRUNE, {"name": "remove", "granularity": "channel"}], {"name": "cnn"}, "no setting of that name"),
        ([{**QUANTIZE, "group": 32}, PRUNE, REMOVE], {"name": "cnn"}, "in groups across their inputs: remove first"),
    ],
)
def test_a_pipeline_that_cannot_be_is_refused_before_anything_runs(steps, model, reason):
    with pytest.raises(SpecError, match=rf"steps\.\d.*{reason}"):
        request(steps, model=model)


def test_scales_of_groups_are_no_hindrance_where_channels_go_first_or_other_scales_follow():
    grouped = {**QUANTIZE, "group": 32}
    for steps in ([PRUNE, REMOVE, grouped], [grouped, PRUNE, QUANTIZE, REMOVE], [{**PRUNE, "sparsity": 0.0}, grouped, REMOVE]):
        assert len(request(steps).steps) == len(steps)


def test_a_network_of_a_run_that_was_quantized_in_groups_is_refused_before_it_runs(tmp_path, shared):
    place = workspace(tmp_path / "runs" / "made0001", shared)
    events_of(request([{**QUANTIZE, "group": 32}], seeds=[0]), place)
    again = Workspace(tmp_path / "runs" / "run00002", shared, place.folder.parent)
    spec = request([PRUNE, REMOVE], model={"run": place.folder.name, "role": "compressed", "seed": 0})
    with pytest.raises(SpecError, match=r"steps\.1\.name.*in groups across their inputs: remove first"):
        check_references(spec, again)
    check_references(request([PRUNE, QUANTIZE, REMOVE], model=spec.model), again)


def test_a_network_of_a_run_from_which_nothing_can_be_removed_is_refused_before_it_runs(tmp_path, shared):
    place = Workspace(tmp_path / "runs" / "run00002", shared, tmp_path / "runs")
    folder, architecture = tmp_path / "runs" / "zoo00001", {"name": "resnet", "depth": 8, "width": 2}
    folder.mkdir(parents=True)
    data = load_present(CHOICE, tmp_path)
    model = networks.build(architecture, data, seed=0)
    weights.save(folder / "student-seed0.safetensors", model, networks.facts_of(architecture, data))
    spec = request([PRUNE, REMOVE], model={"run": "zoo00001", "role": "student", "seed": 0})
    with pytest.raises(SpecError, match=r"steps\.1\.name.*cannot be followed"):
        check_references(spec, place)


def test_a_spec_and_the_command_line_take_it():
    spec = request(STEPS)
    assert parse(spec.to_json()) == spec
    assert spec.to_json()["steps"][1] == {"name": "remove"}
    given = override({"kind": "compress"}, ["steps.0.granularity=channel", 'steps.1={"name": "remove"}'])
    assert [step["name"] for step in given["steps"]] == ["prune", "remove", "finetune"]
    assert json.loads(json.dumps(given)) == given
