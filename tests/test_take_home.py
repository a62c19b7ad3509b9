"""Downloads used outside the lab: the code of docs/take-a-network-home.md, in a fresh process that cannot import the lab."""

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from compression import networks, settings
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
path, data = sys.argv[1:]
if path.endswith(".compact"):
    weights, facts = read_compact(path)
    model = fill(facts, weights)
else:
    model, facts = load(path)
images = np.load(data)
found = predict(model, facts, images["pixels"])
print(json.dumps([float((found == images["labels"]).mean()), facts["class_names"], "compression" in sys.modules]))
"""
QUICK = {"seeds": [0], "train": {"epochs": 5, "batch_size": 32, "lr": 0.1}}
LEARNED = 0.3  # three times as often right as chance: weights that were read wrongly are not
FINETUNE = {"name": "finetune", "epochs": 1}
CHANNELS = {"name": "prune", "sparsity": 0.4, "granularity": "channel"}


def outside(folder: Path, path: Path, data: Path) -> tuple[float, list[str]]:
    """Return the test accuracy that the document's code finds, and the names of the classes."""
    script = folder / "use.py"
    script.write_text(LOADER + COMPACT + USE)
    elsewhere = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    command = [sys.executable, "-I", str(script), str(path), str(data)]
    said = subprocess.run(command, cwd=folder, env=elsewhere, check=True, capture_output=True, text=True).stdout
    accuracy, names, knows_the_lab = json.loads(said)
    assert not knows_the_lab
    return accuracy, names


@pytest.mark.parametrize(
    ("spec", "files"),
    [
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
    ],
)
def test_the_documents_code_finds_the_labs_own_accuracy(spec: dict[str, Any], files: list[str], tmp_path: Path) -> None:
    folder = tmp_path / "run"
    folder.mkdir()
    wanted = parse({**QUICK, **spec} | ({"teacher_train": {"epochs": 5}} if spec["kind"] == "distill" else {}))
    *_events, last = execute(wanted, networks.Workspace(folder, tmp_path / "models", tmp_path / "runs"))
    dataset = load_present(wanted.dataset, settings.data_root())
    data = tmp_path / "images.npz"
    np.savez(data, pixels=dataset.test.inputs.numpy(), labels=dataset.test.labels.numpy())
    for file in files:
        (row,) = last["result"]["models"][file.split("-")[0]]["per_seed"]
        assert row["accuracy"] > LEARNED
        accuracy, names = outside(tmp_path, folder / file, data)
        assert accuracy == pytest.approx(row["accuracy"], abs=1e-6)
        assert names == list("0123456789")


@pytest.mark.parametrize(
    "edit",
    [
        {"name": "remove_channels", "layer": "3", "removed": [0, 5]},
        {"name": "project", "layer": "11", "between": 3, "features": 7},
    ],
    ids=lambda edit: edit["name"],
)
def test_an_edited_network_is_taken_home_at_full_precision_too(edit: dict[str, Any], tmp_path: Path) -> None:
    """The file of the original of a run that goes on from one with fewer channels, and that of a student of SimKD."""
    dataset = load_present({"name": "digits", "train_images": None, "split_seed": 0}, settings.data_root())
    architecture = {"name": "cnn", "width": 4}
    model = networks.construct(architecture, dataset.shape, dataset.classes, [edit]).eval()
    path, data = tmp_path / "m.safetensors", tmp_path / "images.npz"
    weights.save(path, model, networks.facts_of(architecture, dataset, edits=[edit]))
    answers = predict(model, dataset, dataset.test.inputs).argmax(1)
    np.savez(data, pixels=dataset.test.inputs.numpy(), labels=answers.numpy())
    assert outside(tmp_path, path, data)[0] == 1
