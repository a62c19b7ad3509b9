"""What student and baseline learn from, apart from what the teacher learned from."""

from pathlib import Path
from typing import Any

import pytest

from compression.answers import ask, files_of
from compression.data.load import load_present
from compression.errors import SpecError
from compression.execute import Workspace, execute
from compression.settings import data_root
from compression.spec import parse
from compression.training import train

SHORT = {"kind": "distill", "teacher": {"name": "cnn", "width": 4}, "teacher_train": {"epochs": 1}, "train": {"epochs": 1}}


def test_all_classes_are_what_a_spec_says_without_them() -> None:
    without = parse({"kind": "distill"})
    assert parse({"kind": "distill", "transfer": {"classes": None}}) == without
    assert parse({"kind": "distill", "transfer": {"classes": list(range(10))}}) == without
    assert "classes" not in without.to_json()["transfer"]
    some = parse({"kind": "distill", "transfer": {"classes": [3, 1, 3], "images": 100}})
    assert some.transfer == {"images": 100, "classes": [1, 3]}
    assert parse(some.to_json()) == some


@pytest.mark.parametrize("classes", [[], [10], [-1], ["3"], 3, list(range(11)), [1.5]])
def test_other_classes_are_refused_by_name(classes: Any) -> None:
    with pytest.raises(SpecError, match=r"transfer\.classes"):
        parse({"kind": "distill", "transfer": {"classes": classes}})


def test_student_and_baseline_see_no_image_of_a_class_that_is_left_out(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[set[int]] = []

    def spy(model: Any, dataset: Any, recipe: Any, **more: Any) -> Any:
        seen.append(set(dataset.train.labels.tolist()))
        return train(model, dataset, recipe, **more)

    monkeypatch.setattr("compression.lab.train", spy)
    spec = parse({**SHORT, "seeds": [0], "transfer": {"images": 100, "classes": [0, 1, 2, 4, 5, 6, 7, 8, 9]}})
    *_events, last = execute(spec, Workspace(tmp_path / "one", tmp_path / "models", tmp_path))
    assert seen == [set(range(10)), set(range(10)) - {3}, set(range(10)) - {3}]
    assert last["result"]["images"]["transfer"] == 100
    assert last["result"]["images"]["transfer_classes"] == spec.transfer["classes"]
    assert last["result"]["images"]["test"] == 500
    data = load_present({"name": "digits", "train_images": None, "split_seed": 0}, data_root())
    models = last["result"]["models"]
    found = ask(files_of(models, tmp_path / "one", 0), data, "test")
    threes = found.split.labels == 3
    for role, model in models.items():
        right = (found.logits[role].argmax(1) == 3)[threes].float().mean()
        assert model["unseen"]["accuracy"] == pytest.approx(float(right))
        assert model["unseen"]["images"] == int(threes.sum())


def test_the_first_images_of_some_classes_come_in_their_order() -> None:
    data = load_present({"name": "digits", "train_images": None, "split_seed": 0}, data_root())
    some = data.first(5, [7, 2])
    expected = [image for image, label in enumerate(data.train.labels.tolist()) if label in (2, 7)][:5]
    assert (some.train.inputs == data.train.inputs[expected]).all()
    assert len(data.first(None, [7]).train) == int((data.train.labels == 7).sum())
