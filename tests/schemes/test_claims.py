"""What the papers of all schemes claim, end to end on digits: the student is no worse than the same student alone."""

from collections.abc import Iterator
from statistics import fmean
from typing import Any

import pytest
import torch

from compression.data.load import load_present
from compression.settings import data_root
from compression.spec import parse
from tests.schemes.test_contract import Run

SMALL_TEACHER = {"teacher": {"name": "cnn", "width": 8}}
SLACK = 0.02  # of accuracy: what two seeds vary by; a student that learns from wrong answers loses ten times as much
ARRANGED: list[tuple[Any, dict[str, Any]]] = [
    ("offline", {}),
    ("assistant", {}),
    ("cut", {}),
    ({"name": "born_again", "generations": 2}, {}),
    ({"name": "ensemble", "teachers": 2, "weighting": "mean"}, {**SMALL_TEACHER, "teacher_train": {"epochs": 12}}),
    ({"name": "ensemble", "teachers": 2, "weighting": "confidence"}, {**SMALL_TEACHER, "teacher_train": {"epochs": 12}}),
    ("online", SMALL_TEACHER),
    ("mutual", SMALL_TEACHER),
    ("simkd", {}),
    (
        {"name": "early_exits", "exits": 1},
        {"student": {"name": "cnn", "width": 8}, "transfer": {"images": None}, "train": {"epochs": 6}},
    ),
]


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A folder in which all of them find teachers and baselines that one of them has trained."""
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    yield tmp_path_factory.mktemp("claims")
    torch.set_num_threads(threads)


@pytest.mark.parametrize(("scheme", "more"), ARRANGED, ids=lambda value: str(value)[:50])
def test_the_student_is_no_worse_than_alone(scheme, more, root):
    digits = load_present({"name": "digits", "train_images": None, "split_seed": 0}, data_root())
    spec = parse({"kind": "distill", "scheme": scheme, "train": {"epochs": 25}, "seeds": [0, 1], **more})
    run = Run(spec, digits, root, spec.hash)
    run.finish()
    everyone = run.students.everyone
    student, baseline = (
        fmean(network.validated["val_accuracy"] for network in everyone[role].values()) for role in ("student", "baseline")
    )
    assert student > baseline - SLACK
