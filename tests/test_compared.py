"""The layers that a result says were compared are those that the losses looked at."""

from pathlib import Path
from typing import Any

import pytest
import torch

from compression import compared
from compression.data.load import load_present
from compression.execute import Workspace, execute
from compression.networks import construct, read
from compression.objective import build_objective
from compression.settings import data_root
from compression.spec import parse
from ui.run.layers_compared import sentences

SHORT = {"train": {"epochs": 1, "batch_size": 50}, "seeds": [0]}
DIGITS = {"name": "digits", "train_images": 50}
WIDE, NARROW = {"name": "cnn", "width": 4}, {"name": "cnn", "width": 2}


def run(root: Path, **raw: Any) -> dict[str, Any]:
    """Return the result of a run."""
    *_events, last = execute(parse({**SHORT, "dataset": DIGITS, **raw}), Workspace(root / "run", root / "models", root))
    return last["result"]


@pytest.fixture(scope="module")
def digits() -> Any:
    return load_present({**DIGITS, "split_seed": 0}, data_root())


@pytest.mark.parametrize(
    ("loss", "places"),
    [("fitnets", [2]), ("similarity", [3]), ("attention", [1, 2, 3]), ("pkt", ["embedding"]), ("crd", ["embedding"])],
)
def test_a_loss_names_the_layers_on_which_it_depends_and_no_others(loss: str, places: list[Any], digits: Any) -> None:
    student, teacher = (construct(choice, digits.shape, digits.classes) for choice in (NARROW, WIDE))
    (found,) = compared.compared(build_objective([{"name": loss, "weight": 1.0}]), student, teacher, digits)
    assert [pair.get("stage", "embedding") for pair in found["layers"]] == places


def test_logits_alone_are_no_layers(digits: Any) -> None:
    networks = [construct(choice, digits.shape, digits.classes) for choice in (NARROW, WIDE)]
    assert compared.compared(build_objective({"name": "kd", "temperature": 4.0, "alpha": 0.5}), *networks, digits) == []


def test_a_chain_says_who_learned_from_whom_and_the_named_layers_have_these_shapes(tmp_path: Path, digits: Any) -> None:
    losses = [{"name": "kd"}, {"name": "similarity"}]
    raw = {"kind": "distill", "scheme": "assistant", "loss": losses, "teacher": WIDE, "student": NARROW}
    found = run(tmp_path, **raw, teacher_train={"epochs": 1}, baseline=False)
    rows = found["compared"]
    assert [(row["role"], row["teacher"], row["loss"]) for row in rows] == [
        ("assistant", "teacher", "similarity"),
        ("student", "assistant", "similarity"),
    ]
    for row in rows:
        for side, role in (("student", row["role"]), ("teacher", row["teacher"])):
            network, (pair,) = read(tmp_path / "run" / found["models"][role]["artifact"], digits), row["layers"]
            shapes: list[list[int]] = []
            layer = network.model.get_submodule(pair[side]["layer"])
            layer.register_forward_hook(lambda _layer, _inputs, output, shapes=shapes: shapes.append([*output.shape[1:]]))
            network.model(torch.zeros(1, *digits.shape))
            assert shapes == [pair[side]["shape"]]
    told = sentences({"kind": "distill", "scheme": {"name": "assistant"}}, found)
    assert told[1].startswith("Similarity-preserving compared student with assistant at stage 3 (layer ")


def test_a_resumed_run_says_the_same(tmp_path: Path) -> None:
    raw = {
        "kind": "distill",
        "loss": {"name": "fitnets"},
        "teacher": WIDE,
        "student": NARROW,
        "teacher_train": {"epochs": 1},
        "baseline": False,
    }
    first = run(tmp_path, **raw)["compared"]
    assert first
    assert run(tmp_path, **raw)["compared"] == first  # all networks are there, and none is trained


def test_a_compression_says_it_of_the_network_that_was_left(tmp_path: Path) -> None:
    tune = {"name": "finetune", "epochs": 1, "loss": {"name": "similarity"}}
    steps = [{"name": "prune", "sparsity": 0.5, "granularity": "channel"}, {"name": "remove"}, tune]
    found = run(tmp_path, kind="compress", model=WIDE, steps=steps)
    (row,) = found["compared"]
    assert (row["role"], row["teacher"], row["step"]) == ("compressed", "original", 3)
    ((own, other),) = [(pair["student"]["shape"], pair["teacher"]["shape"]) for pair in row["layers"]]
    assert own[0] < other[0] == 16
    assert own[1:] == other[1:]


def test_a_result_of_before_has_no_such_sentence() -> None:
    assert sentences({"kind": "distill"}, {"models": {}}) == []
