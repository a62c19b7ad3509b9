"""Assistants and generations: who teaches whom, and how large an assistant is."""

from typing import Any

import pytest
import torch

from compression.errors import SpecError
from compression.schemes import SCHEMES, Learner, beside, roles
from compression.schemes.assistant import between
from compression.spec import parse

SCHEMES_IN_TURN = [("assistant", {"assistants": 2}), ("born_again", {"generations": 3})]


@pytest.mark.parametrize(("name", "knobs"), SCHEMES_IN_TURN)
def test_each_is_taught_by_the_one_before(name, knobs):
    spec, taught = parse({"kind": "distill", "scheme": {"name": name, **knobs}}), []

    class Lab:
        def obtain(self, role: str) -> Any:
            yield {}
            return role

        def students(self, train: Any, teacher: Any) -> Any:
            student = Learner("student", 0, 0.1, "student", {}, torch.nn.Identity())
            student.beside = {role: Learner(role, 0, 0.1, role, {}, torch.nn.Identity()) for role in beside(spec)}
            yield from train(student)

        def as_teacher(self, learner: Learner) -> str:
            assert any(role == learner.role for role, _teacher in taught), "a teacher is trained before"
            return learner.role

        def train(self, learner: Learner, *, teacher: str) -> Any:
            taught.append((learner.role, teacher))
            yield {}

    list(SCHEMES[name].bind(knobs)(Lab()))
    first, second = beside(spec)
    assert taught == [(first, "teacher"), (second, first), ("student", second)]


@pytest.mark.parametrize(
    ("teacher", "student", "share", "expected"),
    [
        ({"name": "cnn", "width": 32}, {"name": "cnn", "width": 4}, 1 / 2, {"name": "cnn", "width": 11}),
        ({"name": "cnn", "width": 32}, {"name": "cnn", "width": 4}, 1 / 3, {"name": "cnn", "width": 16}),
        ({"name": "mlp", "hidden": [64, 32]}, {"name": "mlp", "hidden": [16, 8]}, 1 / 2, {"name": "mlp", "hidden": [32, 16]}),
        (
            {"name": "resnet", "depth": 56, "width": 16},
            {"name": "resnet", "depth": 20, "width": 16},
            1 / 2,
            {"name": "resnet", "depth": 32, "width": 16},
        ),
    ],
)
def test_an_assistants_size_is_the_geometric_mean_and_one_that_the_family_has(teacher, student, share, expected):
    assert between(teacher, student, share) == expected


@pytest.mark.parametrize(
    ("teacher", "student", "field"),
    [
        ({"name": "cnn"}, {"name": "mlp"}, "student.name"),
        ({"name": "mlp", "hidden": [64, 64]}, {"name": "mlp", "hidden": [16]}, "student.hidden"),
        ({"run": "abcdef", "role": "student", "seed": 0}, {"name": "cnn"}, "teacher.run"),
    ],
)
def test_networks_between_which_nothing_stands_are_refused_in_one_sentence(teacher, student, field):
    with pytest.raises(SpecError) as refused:
        parse({"kind": "distill", "scheme": "assistant", "teacher": teacher, "student": student})
    assert refused.value.field == field


def test_the_roles_are_numbered_where_there_are_several():
    spec = {"kind": "distill", "scheme": {"name": "assistant", "assistants": 1}}
    assert roles(parse(spec)) == ["teacher", "assistant", "baseline", "student"]
    spec["scheme"]["assistants"] = 2
    assert roles(parse(spec)) == ["teacher", "assistant1", "assistant2", "baseline", "student"]
