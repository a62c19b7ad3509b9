"""A teacher of another task: what it is shown, what may be compared with it, and what a result says of it."""

import math

import pytest
import torch

from compression import networks
from compression.adaptation import adapted, as_pixels, fitted, told
from compression.data.load import load_present
from compression.distillation import DISTILLATION
from compression.errors import SpecError
from compression.estimate import predict_seconds, trainings
from compression.execute import Workspace, check_references, execute
from compression.settings import data_root
from compression.spec import override, parse
from tests.schemes.other_images import CLASSES, IMAGES, SIDE, other_images
from ui.run.verdicts import verdicts
from ui.run.words import expected_roles

SMALL = {
    "kind": "distill",
    "dataset": {"name": "digits"},
    "teacher": {"name": "cnn", "width": 4},
    "teacher_train": {"epochs": 12, "batch_size": 16, "lr": 0.05},
    "student": {"name": "cnn", "width": 2},
    "transfer": {"images": 200},
    "train": {"epochs": 2},
    "seeds": [0, 1],
}
INSIDE = [entry.name for entry in DISTILLATION.values() if entry.traits.get("needs")]


@pytest.fixture(scope="module", autouse=True)
def home(tmp_path_factory):
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAB_HOME", str(tmp_path_factory.mktemp("home")))
        yield


def asked(**changes):
    scheme = {"name": "another_task", "teacher_dataset": other_images()}
    return {**SMALL, "scheme": scheme, **changes}


def loaded(name):
    return load_present({"name": name, "train_images": None, "split_seed": 0}, data_root())


def workspace(tmp_path, name="one"):
    found = Workspace(tmp_path / "runs" / name, tmp_path / "models", tmp_path / "runs")
    found.folder.mkdir(parents=True, exist_ok=True)
    return found


def test_grey_becomes_three_channels_and_colour_its_luma():
    grey = torch.arange(8.0).view(2, 1, 2, 2)
    assert torch.equal(fitted(grey, (3, 2, 2)), torch.cat([grey] * 3, 1))
    pure = torch.eye(3).view(3, 3, 1, 1) * 1000
    assert fitted(pure, (1, 1, 1)).flatten().tolist() == pytest.approx([299, 587, 114])


def test_images_are_resized_bilinearly():
    # Two pixels become four: the new centres lie a quarter of a pixel from the old ones.
    row = torch.tensor([0.0, 100.0]).view(1, 1, 1, 2)
    assert fitted(row, (1, 1, 4)).flatten().tolist() == pytest.approx([0, 25, 75, 100])
    # Pixels between dark and bright ones count when the image shrinks, also where a sample of four would miss them.
    stripes = torch.tensor([0.0, 0.0, 0.0, 90.0] * 4).view(1, 1, 1, 16)
    assert fitted(stripes, (1, 1, 2)).mean().item() == pytest.approx(90 / 4, rel=0.2)


def test_shown_its_own_images_a_teacher_answers_as_ever():
    data = loaded(other_images())
    model = networks.build({"name": "cnn", "width": 3}, data, seed=0).eval()
    inputs = data.test.inputs
    shown = adapted(model, data)(as_pixels(data).normalize(inputs))
    assert torch.equal(shown, model(data.normalize(inputs)))
    digits = loaded("digits")
    assert adapted(model, data)(as_pixels(digits).normalize(digits.test.inputs[:5])).shape == (5, CLASSES)


def test_what_becomes_of_the_images_is_said():
    sentence = told((1, 8, 8), (3, 32, 24), ("Digits", "Photos"))
    assert "repeated in three channels" in sentence
    assert "from 8×8 to 24×32 pixels" in sentence
    assert "normalized as the images of Photos" in sentence
    assert "resized" not in told((3, 8, 8), (1, 8, 8), ("A", "B"))


@pytest.mark.parametrize("entry", DISTILLATION.values(), ids=lambda entry: entry.name)
def test_losses_on_features_join_and_losses_on_logits_are_refused_with_what_is_allowed(entry):
    for where, loss in (("loss.name", {"name": entry.name}), ("loss.1.name", [{"name": "attention"}, {"name": entry.name}])):
        if entry.name in INSIDE:
            parse(asked(loss=loss))
            continue
        with pytest.raises(SpecError, match=", ".join(INSIDE)) as refused:
            parse(asked(loss=loss))
        assert refused.value.field == where


def test_the_students_own_dataset_is_no_other_task():
    for scheme in ("another_task", {"name": "another_task", "teacher_dataset": "digits"}):
        own = "digits" if isinstance(scheme, dict) else "mnist"
        with pytest.raises(SpecError, match="another dataset than the student's"):
            parse({"kind": "distill", "dataset": {"name": own}, "scheme": scheme})


def test_naming_it_exchanges_a_loss_that_it_does_not_allow_and_leaving_it_brings_the_usual_one_back():
    named = override({"kind": "distill"}, ["scheme=another_task"])
    assert named["loss"]["name"] in INSIDE
    assert override(named, ["scheme=offline"])["loss"]["name"] == "kd"
    assert override({"kind": "distill"}, ["scheme=another_task", "loss.name=crd"])["loss"]["name"] == "crd"


def test_the_teacher_is_that_of_its_own_dataset_and_its_training_is_forecast_there(tmp_path):
    spec = parse(asked())
    (source,) = [training for training in trainings(spec, workspace(tmp_path)) if training.role == "source"]
    assert (source.dataset, source.images) == (spec.scheme["teacher_dataset"], len(loaded(other_images()).train))
    key = networks.cache_key({"name": other_images(), "train_images": None, "split_seed": 0}, spec.teacher, spec.teacher_train, 0)
    assert source.shared == key, "the teacher of a run on that dataset is the same network"
    assert math.isfinite(predict_seconds(spec, workspace(tmp_path)))


def test_a_result_compares_student_and_baseline_and_has_the_teacher_apart(tmp_path):
    spec = parse(asked(loss={"name": "attention"}))
    *told_before, last = execute(spec, workspace(tmp_path))
    result = last["result"]
    assert result["models"].keys() == {"baseline", "student"}
    assert result["teacher_verdict"] is None
    assert "agreement" not in result["models"]["student"]
    stages = [event["text"] for event in told_before if event["type"] == "stage" and event["role"] == "source"]
    assert stages == ["Training the teacher of another task, the classes of Bars"]
    curves = [event for event in told_before if event["type"] == "metric"]
    assert {event["role"] for event in curves} == {"baseline", "student"} == {*expected_roles("distill", spec.to_json())}
    assert not any("agreement" in event["values"] for event in curves)
    other = result["other_task"]
    assert (other["dataset"], other["model"]["artifact"]) == (other_images(), "source-seed0.safetensors")
    assert other["images"]["train"] + other["images"]["validation"] + other["images"]["test"] == IMAGES
    assert other["model"]["accuracy"] > 1 / CLASSES + 0.1, "it learned its own task"
    (answer,) = verdicts("distill", result, spec.to_json())
    assert answer.question == "Does the other task's teacher help?"
    facts = networks.facts_in(tmp_path / "runs" / "one" / "source-seed0.safetensors")
    assert (facts["dataset"], facts["shape"], facts["classes"]) == (other_images(), [3, SIDE, SIDE], CLASSES)
    student = networks.facts_in(tmp_path / "runs" / "one" / "student-seed0.safetensors")
    assert (student["dataset"], student["mean"]) == ("digits", loaded("digits").mean.flatten().tolist())

    # The teacher of that run serves another one, and none of its own task can be had from a student of digits.
    ran = {"run": "abcdefgh", "seed": 0}
    (tmp_path / "runs" / "one").rename(tmp_path / "runs" / "abcdefgh")
    check_references(parse(asked(teacher={**ran, "role": "source"})), workspace(tmp_path, "two"))
    with pytest.raises(Exception, match="was made for digits"):
        check_references(parse(asked(teacher={**ran, "role": "student"})), workspace(tmp_path, "two"))


def test_a_student_of_a_weightless_loss_is_the_baseline(tmp_path):
    """What comes of the teacher comes through the loss alone: at weight 0 the student is the one that learned alone."""
    loss = [{"name": "attention", "weight": 0}]
    *_events, last = execute(parse(asked(loss=loss, seeds=[0])), workspace(tmp_path))
    files = [tmp_path / "runs" / "one" / f"{role}-seed0.safetensors" for role in ("baseline", "student")]
    alone, taught = (networks.read(path, loaded("digits")).model.state_dict() for path in files)
    assert all(torch.equal(alone[name], taught[name]) for name in alone)
    assert last["result"]["verdict"]["difference"] == 0
