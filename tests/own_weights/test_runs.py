"""Networks whose weights a file brings, in whole runs: as the teacher, as the original, and with a new classifier."""

import json

import pytest
import safetensors.torch
import torch

from compression import given, networks
from compression.cli import main
from compression.data.load import load_present
from compression.errors import DataError, NotFoundError, SpecError
from compression.estimate import trainings
from compression.evaluation import score
from compression.execute import Workspace, check_references, execute
from compression.export import weights
from compression.models import MODELS
from compression.own_weights.storage import store
from compression.own_weights.told import told
from compression.settings import data_root
from compression.spec import override, parse

CNN = {"name": "cnn", "width": 4}
DIGITS = {"name": "digits", "train_images": 200, "split_seed": 0}
STEPS = [{"name": "prune", "sparsity": 0.5}]
EPOCHS = {"epochs": 1}


def workspace(root, run="one"):
    return Workspace(root / "runs" / run, root / "models", root / "runs")


def network(classes=10, seed=0):
    torch.manual_seed(seed)
    return MODELS.bind(CNN)((1, 8, 8), classes).eval()


def stored(root, model, metadata=None):
    text = {key: json.dumps(value) for key, value in (metadata or {}).items()}
    return store(safetensors.torch.save(model.state_dict(), text), workspace(root).weights)


def distill(name, **more):
    small = {"dataset": DIGITS, "train": EPOCHS, "teacher_train": EPOCHS, "student": CNN, "seeds": [0], "baseline": False}
    return parse({"kind": "distill", **small, "teacher": {**CNN, "weights": name, **more}})


def compress(name, **more):
    small = {"dataset": DIGITS, "train": EPOCHS, "steps": STEPS, "seeds": [0, 1]}
    return parse({"kind": "compress", **small, "model": {**CNN, "weights": name, **more}})


def result(spec, where):
    return list(execute(spec, where))[-1]["result"]


def test_a_teacher_of_a_file_is_not_trained_and_answers_as_it_did(tmp_path):
    model, where = network(), workspace(tmp_path)
    spec = distill(stored(tmp_path, model))
    check_references(spec, where)
    assert [training.role for training in trainings(spec, where)] == ["student"]
    events = list(execute(spec, where))
    assert "teacher" not in {event["role"] for event in events if event["type"] == "metric" and event["epoch"] is not None}
    data = load_present(DIGITS, data_root())
    right = score(model, data)[0].float().mean().item()
    facts = events[-1]["result"]["models"]["teacher"]
    assert facts["accuracy"] == pytest.approx(right)
    expected = {"file": spec.teacher["weights"], "tensors": 23, "renamed": 0, "converted": []}
    assert facts["weights"] == {**expected, "normalization": "dataset", "new_classifier": False}
    assert facts["architecture"] == CNN


def test_an_original_of_a_file_is_one_network_and_what_comes_of_it_says_whence(tmp_path):
    where = workspace(tmp_path)
    spec = compress(stored(tmp_path, network()))
    found = result(spec, where)
    assert [row["seed"] for row in found["models"]["original"]["per_seed"]] == [0]
    assert found["verdict"]["fixed"] == "original"
    for name in ("original-seed0.safetensors", "compressed-seed0.compact"):
        assert networks.facts_in(where.folder / name)["weights"]["file"] == spec.model["weights"]


def test_with_a_new_classifier_a_network_trains_on_from_the_file(tmp_path):
    there, where = network(classes=7), workspace(tmp_path)
    name = stored(tmp_path, there)
    with pytest.raises(DataError, match="tells 7 classes apart, and this dataset has 10"):
        check_references(compress(name), where)
    spec = compress(name, new_classifier=True)
    check_references(spec, where)
    assert [training.role for training in trainings(spec, where)] == ["original", "original"]
    begun = given.begin(spec.model, load_present(DIGITS, data_root()), where, seed=0).model.state_dict()
    assert torch.equal(begun["0.weight"], there.state_dict()["0.weight"])
    found = result(spec, where)["models"]["original"]
    assert [row["seed"] for row in found["per_seed"]] == [0, 1]
    assert found["weights"]["new_classifier"]
    trained = weights.load(where.folder / "original-seed0.safetensors")[0]
    assert not torch.equal(trained["0.weight"], there.state_dict()["0.weight"])


def test_a_network_is_given_inputs_as_its_file_says(tmp_path):
    mean, std = [5.0], [20.0]
    spec = compress(stored(tmp_path, network(), {"mean": mean, "std": std}))
    start = given.begin(spec.model, load_present(DIGITS, data_root()), workspace(tmp_path), seed=0)
    assert (start.data.mean.flatten().tolist(), start.data.std.flatten().tolist()) == (mean, std)
    assert start.facts["weights"]["normalization"] == "file"
    read = networks.read(given.find(spec.model, DIGITS, start.data, workspace(tmp_path)), load_present(DIGITS, data_root()))
    assert read.data.mean.flatten().tolist() == mean


def test_a_file_of_the_lab_itself_is_a_file_of_weights(tmp_path):
    data, model = load_present(DIGITS, data_root()), network()
    content = weights.to_bytes(model, networks.facts_of(CNN, data))
    name = store(content, workspace(tmp_path).weights)
    said = told(given.header_of(name, workspace(tmp_path)).metadata)
    assert (said.architecture, said.dataset, said.split_seed) == (CNN, "digits", 0)
    start = given.begin(compress(name).model, data, workspace(tmp_path), seed=0)
    assert torch.equal(start.data.mean, data.mean)


@pytest.mark.parametrize(
    ("metadata", "sentence"),
    [
        ({"mean": [1.0]}, "normalization"),
        ({"mean": [1.0], "std": [0.0]}, "normalization"),
        ({"mean": ["a"], "std": [1.0]}, "normalization"),
        ({"mean": [1.0, 2.0], "std": [1.0]}, "normalization"),
        ({"mean": [1e300], "std": [1.0]}, "normalization"),
        ({"mean": [1.0, 2.0, 3.0], "std": [1.0, 1.0, 1.0]}, "images with 3 channels; those of digits have 1"),
        ({"dataset": "digits", "split_seed": 7}, "split seed 7"),
        ({"class_names": [f"animal {place}" for place in range(10)]}, r"other classes apart \(animal 0, animal 1, animal 2\)"),
    ],
)
def test_what_a_file_says_that_cannot_be_is_refused(metadata, sentence, tmp_path):
    with pytest.raises(DataError, match=sentence):
        check_references(compress(stored(tmp_path, network(), metadata)), workspace(tmp_path))


@pytest.mark.parametrize(
    "metadata", [{}, {"architecture": {"name": "vgg"}}, {"dataset": 3, "class_names": "x", "split_seed": "1"}]
)
def test_what_a_file_says_that_means_nothing_here_is_ignored(metadata, tmp_path):
    check_references(compress(stored(tmp_path, network(), metadata)), workspace(tmp_path))


def test_a_file_that_is_gone_is_told(tmp_path):
    with pytest.raises(NotFoundError, match="no file of weights"):
        check_references(distill("0" * 32), workspace(tmp_path))


@pytest.mark.parametrize("given_as", ["/etc/passwd", "../x.safetensors", "", 3, None, "0" * 31, "0" * 32 + "/.."])
def test_a_spec_names_no_path(given_as):
    with pytest.raises(SpecError, match=r"teacher\.weights"):
        distill(given_as)


def test_a_spec_without_weights_stays_as_it_was_and_with_them_has_another_hash():
    plain = parse({"kind": "compress", "model": CNN})
    assert plain.to_json()["model"] == CNN
    first, second = (compress(digit * 32) for digit in "01")
    assert len({plain.hash, first.hash, second.hash}) == 3
    assert parse(first.to_json()) == first
    assert compress("0" * 32, new_classifier=False) == first
    assert compress("0" * 32, new_classifier=True).to_json()["model"] == {**CNN, "weights": "0" * 32, "new_classifier": True}
    with pytest.raises(SpecError, match="student"):
        override({"kind": "distill"}, [f"student.weights={'0' * 32}"])


@pytest.mark.parametrize("scheme", ["mutual", "online", "ensemble"])
def test_schemes_that_train_their_teachers_from_scratch_take_no_weights(scheme):
    with pytest.raises(SpecError, match=r"teacher\.weights"):
        parse({"kind": "distill", "scheme": {"name": scheme}, "teacher": {**CNN, "weights": "0" * 32}})


def test_an_assistant_of_a_teacher_of_a_file_has_no_file_itself():
    teacher = {"name": "cnn", "width": 16, "weights": "0" * 32}
    spec = parse({"kind": "distill", "scheme": {"name": "assistant"}, "teacher": teacher})
    from compression.schemes import beside

    assert beside(spec)["assistant"] == {"name": "cnn", "width": 8}


def test_the_command_line_takes_a_path_and_stores_the_file(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("LAB_HOME", str(tmp_path / "home"))
    path = tmp_path / "mine.safetensors"
    path.write_bytes(safetensors.torch.save(network().state_dict()))
    spec = tmp_path / "spec.json"
    spec.write_text(json.dumps({"kind": "compress", "dataset": DIGITS, "model": CNN, "steps": STEPS, "seeds": [0]}))
    assert main(["run", str(spec), "--set", f"model.weights={path}"]) == 0
    found = json.loads(capsys.readouterr().out)
    name = found["spec"]["model"]["weights"]
    assert (tmp_path / "home" / "weights" / f"{name}.safetensors").read_bytes() == path.read_bytes()
    path.write_bytes(b"")
    assert main(["run", str(spec), "--set", f"model.weights={path}"]) == 2
    assert main(["run", str(spec), "--set", f"model.weights={tmp_path / 'absent'}"]) == 2
    assert [line for line in capsys.readouterr().err.splitlines() if "Traceback" in line] == []
