"""What networks answer, read from their files: against predictions made by hand."""

from pathlib import Path

import pytest
import torch

from compression import answers, networks
from compression.data.arrays import Dataset
from compression.data.load import load_present
from compression.export import weights

MEAN, STD = [60.0], [40.0]
ARCHITECTURE = {"name": "cnn", "width": 2}


@pytest.fixture(scope="module")
def digits(tmp_path_factory: pytest.TempPathFactory) -> Dataset:
    return load_present({"name": "digits", "train_images": 100, "split_seed": 0}, tmp_path_factory.mktemp("data"))


@pytest.fixture
def student(tmp_path: Path, digits: Dataset) -> tuple[torch.nn.Module, Path]:
    """A network that was trained, one could say, and its file, which asks for other means than the dataset's."""
    model = networks.build(ARCHITECTURE, digits, seed=3)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.mul_(1.5)
    path = tmp_path / "student-seed3.safetensors"
    weights.save(path, model, networks.facts_of(ARCHITECTURE, digits.normalized_with(MEAN, STD)))
    return model.eval(), path


def by_hand(model: torch.nn.Module, inputs: torch.Tensor) -> torch.Tensor:
    with torch.no_grad():
        return model((inputs.float() - MEAN[0]) / STD[0])


@pytest.mark.parametrize("split", answers.SPLITS)
def test_logits_are_those_of_the_network_in_the_file(split: str, student: tuple, digits: Dataset) -> None:
    model, path = student
    found = answers.ask({"student": path}, digits, split, images=20)
    inputs = getattr(digits, split).inputs[:20]
    assert torch.equal(found.split.inputs, inputs)
    assert torch.equal(found.split.labels, getattr(digits, split).labels[:20])
    torch.testing.assert_close(found.logits["student"], by_hand(model, inputs))


def test_an_untrained_network_has_the_weights_of_its_seed_and_the_means_of_its_file(student: tuple, digits: Dataset) -> None:
    _model, path = student
    untrained = networks.build(ARCHITECTURE, digits, seed=3).eval()
    found = answers.ask_untrained(path, digits, digits.validation, seed=3)
    torch.testing.assert_close(found, by_hand(untrained, digits.validation.inputs))


def test_files_are_those_of_a_seed_and_of_a_lone_teacher(tmp_path: Path) -> None:
    rows = [{"seed": seed, "artifact": f"student-seed{seed}.safetensors"} for seed in (0, 1)]
    models = {
        "teacher": {"per_seed": [{"seed": 0, "artifact": "teacher-seed0.safetensors"}]},
        "student": {"per_seed": rows},
        "baseline": {"per_seed": [{"seed": 1, "accuracy": 0.5}]},
    }
    found = answers.files_of(models, tmp_path, 1)
    assert found == {"teacher": tmp_path / "teacher-seed0.safetensors", "student": tmp_path / "student-seed1.safetensors"}
