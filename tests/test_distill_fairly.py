"""What student and baseline learn from, and at which learning rate."""

from dataclasses import replace

import pytest
import torch

from compression import networks
from compression.data.arrays import Split
from compression.data.load import load_present
from compression.errors import DataError, TrainingError
from compression.execute import Workspace, execute
from compression.execute.tuning import learning_rates
from compression.lab import Lab
from compression.settings import data_root
from compression.spec import parse
from compression.teacher import Teacher
from compression.training import train

SHORT = {"kind": "distill", "teacher": {"name": "cnn", "width": 4}, "teacher_train": {"epochs": 1}, "seeds": [0, 2]}


def workspace(root, run="one") -> Workspace:
    return Workspace(root / "runs" / run, root / "models", root / "runs")


def digits(**choice):
    return load_present({"name": "digits", "train_images": None, "split_seed": 0, **choice}, data_root())


def test_student_and_baseline_see_the_transfer_set_alone(tmp_path, monkeypatch):
    seen = []

    def spy(model, dataset, recipe, **more):
        seen.append(len(dataset.train))
        return train(model, dataset, recipe, **more)

    monkeypatch.setattr("compression.lab.train", spy)
    *_events, last = execute(parse({**SHORT, "train": {"epochs": 1}, "transfer": {"images": 100}}), workspace(tmp_path))
    assert seen == [1038, 100, 100, 100, 100]
    assert last["result"]["images"] == {"train": 1038, "validation": 259, "test": 500, "transfer": 100}


def test_a_teacher_keeps_its_own_normalization_of_the_students_images():
    data = digits().first(64)
    model = networks.build({"name": "cnn", "width": 2}, data, seed=0).eval()
    other = data.normalized_with([10.0], [2.0])
    with torch.no_grad():
        expected = model((data.train.inputs.float() - 10) / 2)
    torch.testing.assert_close(Teacher(model, other).train_logits, expected)


def test_each_role_takes_the_rate_that_is_best_on_validation_with_seeds_that_do_not_count(tmp_path):
    spec = parse({**SHORT, "train": {"epochs": 3}, "tune": {"lr": [0.0001, 0.1]}})
    events = list(execute(spec, workspace(tmp_path)))
    result = events[-1]["result"]
    for role in ("baseline", "student"):
        found = result["tuning"][role]
        best = max(found["tried"], key=lambda row: row["val_accuracy"])
        assert found["lr"] == best["lr"] == result["models"][role]["lr"] == 0.1
        assert found["seeds"] == [1, 3]
    assert result["verdict"]["tuned"] is True
    assert {event["seed"] for event in events if event["type"] == "metric" and event["role"] == "student"} == {0, 2}
    fractions = [event["fraction"] for event in events if event["type"] == "progress"]
    assert fractions == sorted(fractions)
    assert fractions[-1] == pytest.approx(1.0)


def test_a_rate_that_diverges_loses(tmp_path):
    spec = parse({**SHORT, "train": {"epochs": 2, "schedule": "constant"}, "tune": {"lr": [2.0, 0.05]}, "seeds": [0]})
    lab = Lab(workspace(tmp_path), spec.dataset, digits())
    lab.workspace.folder.mkdir(parents=True)

    def training(role, seed, lr, *, name):
        if lr == 2.0:
            raise TrainingError("no number")
        yield {"type": "progress"}
        return networks.build(spec.student, lab.data, seed=seed), None

    chosen = {}

    def tune():
        chosen.update((yield from learning_rates(spec, lab, ("student",), training)))

    list(tune())
    assert chosen["student"]["lr"] == 0.05


@pytest.mark.parametrize(("images", "chosen"), [(100, 0.2), (10_000, 0.1)])
def test_of_rates_that_so_few_images_cannot_tell_apart_the_lowest_loss_wins(tmp_path, monkeypatch, images, chosen):
    # One standard error of 90 % is 3 % on 100 images and 0.3 % on 10,000.
    found = {0.1: (0.9, 0.3), 0.2: (0.89, 0.2), 0.4: (0.8, 0.1)}
    spec = parse({**SHORT, "tune": {"lr": list(found)}, "seeds": [0]})
    data = digits()
    one = data.validation.inputs[:1].expand(images, -1, -1, -1)
    data = replace(data, validation=Split(one, data.validation.labels[:1].expand(images)))
    lab = Lab(workspace(tmp_path), spec.dataset, data)
    lab.workspace.folder.mkdir(parents=True)

    def training(role, seed, lr, *, name):
        yield {"type": "progress"}
        return found[lr], None

    def outcome(model, _data):
        return {"val_accuracy": model[0], "val_loss": model[1]}

    monkeypatch.setattr("compression.execute.tuning.evaluate", outcome)
    rates = {}

    def tune():
        rates.update((yield from learning_rates(spec, lab, ("student",), training)))

    list(tune())
    assert rates["student"]["lr"] == chosen


def test_tuning_that_was_interrupted_goes_on_and_chooses_the_same(tmp_path):
    spec = parse({**SHORT, "train": {"epochs": 2}, "tune": {"lr": [0.05, 0.1]}, "seeds": [0]})
    whole = list(execute(spec, workspace(tmp_path / "whole")))
    stopped = execute(spec, workspace(tmp_path / "stopped"))
    for event in stopped:
        if event["type"] == "stage" and event["stage"] == "tune" and event["index"] == 4:
            break
    stopped.close()
    resumed = list(execute(spec, workspace(tmp_path / "stopped")))
    assert resumed[-1]["result"]["tuning"] == whole[-1]["result"]["tuning"]
    assert sum(event["type"] == "stage" and event["stage"] == "tune" for event in resumed) == 5


def test_a_network_that_saw_the_validation_images_is_refused(tmp_path):
    *_events, _last = execute(parse({**SHORT, "train": {"epochs": 1}, "seeds": [0]}), workspace(tmp_path, "other11"))
    taken = {"run": "other11", "role": "student", "seed": 0}
    elsewhere = parse({"kind": "compress", "model": taken, "dataset": {"name": "digits", "split_seed": 1}})
    with pytest.raises(DataError, match="split seed 0"):
        list(execute(elsewhere, workspace(tmp_path, "two")))


def test_a_network_of_another_dataset_of_the_same_shape_is_refused(tmp_path):
    *_events, _last = execute(parse({**SHORT, "train": {"epochs": 1}, "seeds": [0]}), workspace(tmp_path, "other11"))
    data = digits()
    path = tmp_path / "runs" / "other11" / "student-seed0.safetensors"
    with pytest.raises(DataError, match="made for digits"):
        networks.read(path, replace(data, name="letters"))


def test_a_network_predicts_with_the_normalization_it_was_trained_with(tmp_path):
    spec = parse({**SHORT, "train": {"epochs": 1}, "seeds": [0], "dataset": {"name": "digits", "train_images": 100}})
    *_events, _last = execute(spec, workspace(tmp_path))
    own, whole = digits(train_images=100), digits()
    network = networks.read(tmp_path / "runs" / "one" / "student-seed0.safetensors", whole)
    assert not torch.equal(own.mean, whole.mean)
    assert torch.equal(network.data.mean, own.mean)
    assert torch.equal(network.data.std, own.std)


def test_one_network_of_an_earlier_run_counts_once(tmp_path):
    *_events, _last = execute(parse({**SHORT, "train": {"epochs": 1}, "seeds": [0]}), workspace(tmp_path, "other11"))
    taken = {"run": "other11", "role": "student", "seed": 0}
    prune, train_on = {"name": "prune", "sparsity": 0.5}, {"name": "finetune", "epochs": 1, "lr": 0.05}
    bare = parse({"kind": "compress", "model": taken, "steps": [prune]})
    result = list(execute(bare, workspace(tmp_path, "bare")))[-1]["result"]
    assert result["verdict"]["seeds"] == 1
    assert len(result["models"]["compressed"]["per_seed"]) == len(result["models"]["original"]["per_seed"]) == 1
    trained = parse({"kind": "compress", "model": taken, "steps": [prune, train_on]})
    result = list(execute(trained, workspace(tmp_path, "trained")))[-1]["result"]
    assert result["verdict"]["seeds"] == 3
    assert result["verdict"]["fixed"] == "original"
    assert len(result["models"]["original"]["per_seed"]) == 1
    assert len({row["accuracy"] for row in result["models"]["compressed"]["per_seed"]}) > 1
