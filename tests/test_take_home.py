"""Downloads used outside the lab: the code of docs/take-a-network-home.md, in a fresh process that cannot import the lab."""

import json
import os
import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compression import networks, settings
from compression.data.arrays import Dataset
from compression.data.load import load_present
from compression.evaluation import predict
from compression.execute import execute
from compression.export import weights
from compression.spec import parse

ROOT = Path(__file__).resolve().parents[1]
LOADER, _EXAMPLE, COMPACT, _OTHER = re.findall(
    r"```python\n(.*?)```", (ROOT / "docs" / "take-a-network-home.md").read_text(), re.DOTALL
)
USE = """
import sys
import traceback
*paths, data = sys.argv[1:]
images = np.load(data)
for path in paths:
    try:
        if path.endswith(".compact"):
            weights, facts = read_compact(path)
            model = fill(facts, weights)
        else:
            model, facts = load(path)
        answers = predict(model, facts, images["pixels"])
        print(json.dumps([answers.tolist(), facts["class_names"]]))
    except Exception:
        print(json.dumps([traceback.format_exc(), []]))
print(json.dumps("compression" in sys.modules))
"""
QUICK = {"seeds": [0], "train": {"epochs": 5, "batch_size": 32, "lr": 0.1}}
LEARNED = 0.3  # three times as often right as chance: weights that were read wrongly are not
FINETUNE = {"name": "finetune", "epochs": 1}
CHANNELS = {"name": "prune", "sparsity": 0.4, "granularity": "channel"}


def outside(folder: Path, paths: list[Path], dataset: Dataset) -> list[tuple[Any, list[str]]]:
    """Return what the document's code answers to the test images with each file, or how it failed, and the classes' names."""
    script, data = folder / "use.py", folder / "images.npz"
    script.write_text(LOADER + COMPACT + USE)
    np.savez(data, pixels=dataset.test.inputs.numpy())
    elsewhere = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-I", str(script), *map(str, paths), str(data)]
    said = subprocess.run(command, cwd=folder, env=elsewhere, check=True, capture_output=True, text=True).stdout
    *found, knows_the_lab = map(json.loads, said.splitlines())
    assert not knows_the_lab
    return found


CASES: list[tuple[dict[str, Any], list[str]]] = [
    (
        {
            "kind": "distill",
            "student": {"name": "cnn", "width": 3},
            "teacher": {"name": "lenet300"},
            "transfer": {"images": None},
        },
        ["student-seed0.safetensors", "teacher-seed0.safetensors"],
    ),
    (
        {"kind": "distill", "scheme": "early_exits", "transfer": {"images": None}},
        ["student-seed0.safetensors", "exit2-seed0.safetensors"],
    ),
    (
        {"kind": "compress", "steps": [{"name": "prune", "sparsity": 0.9}, {"name": "quantize", "bits": 4}, FINETUNE]},
        ["original-seed0.safetensors", "compressed-seed0.compact"],
    ),
    (
        {"kind": "compress", "steps": [CHANNELS, {"name": "remove"}, FINETUNE, {"name": "quantize", "bits": 6}]},
        ["compressed-seed0.compact"],
    ),
    (
        {"kind": "compress", "steps": [{"name": "quantize", "bits": 3, "scheme": "asymmetric", "group": "tensor"}]},
        ["compressed-seed0.compact"],
    ),
    (
        {"kind": "compress", "steps": [{"name": "prune", "sparsity": 0.5}, {"name": "quantize", "method": "kmeans"}]},
        ["compressed-seed0.compact"],
    ),
    (
        {"kind": "compress", "steps": [{"name": "quantize", "method": {"name": "kmeans", "codebook": "channel"}, "bits": 3}]},
        ["compressed-seed0.compact"],
    ),
    (
        {"kind": "compress", "steps": [{"name": "prune", "sparsity": 0.5}, {"name": "quantize", "method": "ternary"}]},
        ["compressed-seed0.compact"],
    ),
    (
        {"kind": "compress", "steps": [{"name": "quantize", "bits": 4, "scheme": "asymmetric", "group": 32}]},
        ["compressed-seed0.compact"],
    ),
    (
        {
            "kind": "compress",
            "steps": [{"name": "quantize", "bits": 4}, {"name": "quantize_activations", "activation_bits": 2}, FINETUNE],
        },
        ["compressed-seed0.compact"],
    ),
    (
        {
            "kind": "compress",
            "model": {"name": "mlp"},
            "steps": [{"name": "prune", "sparsity": 0.5}, {"name": "quantize", "bits": 1}],
        },
        ["compressed-seed0.compact"],
    ),
]


@pytest.fixture(scope="module")
def taken(tmp_path_factory: pytest.TempPathFactory) -> Callable[[int, str], tuple[float, Any, list[str]]]:
    """A function that tells of a file of a case: the lab's accuracy, the document's answers, the names of the classes.

    One process outside the lab reads the files of all cases: it needs longer to load PyTorch than to do the rest.
    """
    folder, accuracies = tmp_path_factory.mktemp("taken"), {}
    for case, (spec, files) in enumerate(CASES):
        wanted = parse({**QUICK, **spec} | ({"teacher_train": {"epochs": 5}} if "teacher" in spec else {}))
        run = folder / "runs" / str(case)
        run.mkdir(parents=True)
        *_events, last = execute(wanted, networks.Workspace(run, folder / "models", folder / "runs"))
        for file in files:
            (row,) = last["result"]["models"][file.split("-")[0]]["per_seed"]
            accuracies[run / file] = row["accuracy"]
    found = dict(zip(accuracies, outside(folder, [*accuracies], digits()), strict=True))

    def tell(case: int, file: str) -> tuple[float, Any, list[str]]:
        path = folder / "runs" / str(case) / file
        return accuracies[path], *found[path]

    return tell


def digits() -> Dataset:
    return load_present({"name": "digits", "train_images": None, "split_seed": 0}, settings.data_root())


@pytest.mark.parametrize(("case", "file"), [(case, file) for case, (_spec, files) in enumerate(CASES) for file in files])
def test_the_documents_code_finds_the_labs_own_accuracy(case: int, file: str, taken: Callable[..., Any]) -> None:
    accuracy, answers, names = taken(case, file)
    assert accuracy > LEARNED
    assert not isinstance(answers, str), answers
    right = np.array(answers) == digits().test.labels.numpy()
    assert right.mean() == pytest.approx(accuracy, abs=1e-6)
    assert names == list("0123456789")


def test_an_edited_network_is_taken_home_at_full_precision_too(tmp_path: Path) -> None:
    """The file of the original of a run that goes on from one with fewer channels, and that of a student of SimKD."""
    dataset, architecture, expected = digits(), {"name": "cnn", "width": 4}, {}
    for edit in (
        {"name": "remove_channels", "layer": "3", "removed": [0, 5]},
        {"name": "project", "layer": "11", "between": 3, "features": 7},
    ):
        model = networks.construct(architecture, dataset.shape, dataset.classes, [edit]).eval()
        path = tmp_path / f"{edit['name']}.safetensors"
        weights.save(path, model, networks.facts_of(architecture, dataset, edits=[edit]))
        expected[path] = predict(model, dataset, dataset.test.inputs).argmax(1).tolist()
    for (path, answers), (found, _names) in zip(expected.items(), outside(tmp_path, [*expected], dataset), strict=True):
        assert found == answers, path.name
