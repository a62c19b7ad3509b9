"""A student cut out of its teacher: which channels and layers it begins with, against lists written out here."""

from typing import Any

import pytest
import torch

from compression import networks
from compression.errors import SpecError
from compression.inheritance import inherit
from compression.schemes import SCHEMES, Learner
from compression.spec import parse


def built(seed: int, name: str, **knobs: Any) -> torch.nn.Module:
    model = networks.construct({"name": name, **knobs}, (1, 8, 8), 4)
    generator = torch.Generator().manual_seed(seed)
    for tensor in model.state_dict().values():
        if tensor.is_floating_point():
            tensor.copy_(torch.randn(tensor.shape, generator=generator).abs())
    return model


def test_the_strongest_channels_stay_in_their_order_with_their_norms_and_with_the_inputs_of_the_next_layer():
    student, teacher = built(1, "cnn", width=2), built(2, "cnn", width=5)
    inherit(student, teacher, "channels")
    own, there = student.state_dict(), teacher.state_dict()
    convolutions = [name.removesuffix(".weight") for name, tensor in there.items() if tensor.ndim == 4]
    norms = [name.removesuffix(".running_mean") for name in there if name.endswith("running_mean")]
    inputs = [0]
    for convolution, norm in zip(convolutions, norms, strict=True):
        weight = there[f"{convolution}.weight"][:, inputs]
        strongest = sorted(range(len(weight)), key=lambda channel: -float(weight[channel].abs().sum()))
        inputs = sorted(strongest[: len(own[f"{convolution}.weight"])])
        assert torch.equal(own[f"{convolution}.weight"], weight[inputs])
        for part in ("weight", "bias", "running_mean", "running_var"):
            assert torch.equal(own[f"{norm}.{part}"], there[f"{norm}.{part}"][inputs])
    (last,) = [name for name, tensor in there.items() if tensor.ndim == 2]
    assert torch.equal(own[last], there[last][:, inputs])
    assert torch.equal(own[last.replace("weight", "bias")], there[last.replace("weight", "bias")])


def test_layers_alike_are_spread_evenly_with_the_first_and_the_last():
    student, teacher = built(1, "mlp", hidden=[6, 6, 6]), built(2, "mlp", hidden=[6] * 6)
    inherit(student, teacher, "layers")
    own, there = (
        [layer.weight for layer in model.modules() if isinstance(layer, torch.nn.Linear)] for model in (student, teacher)
    )
    for mine, place in zip(own, [0, 1, 5, 6], strict=True):
        assert torch.equal(mine, there[place])


def test_residual_blocks_are_layers_of_their_stage():
    student, teacher = built(1, "resnet", depth=8, width=2), built(2, "resnet", depth=20, width=2)
    inherit(student, teacher, "layers")
    own, there = student.state_dict(), teacher.state_dict()
    # Blocks 3, 4, 5 of the teacher are its first stage, 6 and 9 begin the next ones; the student has 3, 4 and 5.
    for mine, its in (("3", "3"), ("4", "6"), ("5", "9")):
        for part in ("conv1.weight", "norm2.running_var"):
            assert torch.equal(own[f"{mine}.{part}"], there[f"{its}.{part}"])


@pytest.mark.parametrize("what", ["channels", "layers"])
def test_a_student_as_large_as_its_teacher_begins_as_the_teacher(what):
    student, teacher = built(1, "cnn", width=3), built(2, "cnn", width=3)
    inherit(student, teacher, what)
    inputs = torch.randn(2, 1, 8, 8)
    assert torch.equal(student.eval()(inputs), teacher.eval()(inputs))


@pytest.mark.parametrize(
    ("what", "teacher", "student"),
    [
        ("channels", {"name": "cnn", "width": 4}, {"name": "cnn", "width": 8}),
        ("channels", {"name": "cnn"}, {"name": "mlp"}),
        ("channels", {"name": "mlp", "hidden": [8, 8]}, {"name": "mlp", "hidden": [8]}),
        ("channels", {"name": "resnet", "depth": 8, "width": 8}, {"name": "resnet", "depth": 8, "width": 4}),
        ("layers", {"name": "cnn", "width": 8}, {"name": "cnn", "width": 4}),
        ("layers", {"name": "resnet", "depth": 8}, {"name": "resnet", "depth": 20}),
    ],
)
def test_a_student_that_is_no_part_of_its_teacher_is_refused_in_one_sentence(what, teacher, student):
    spec = {"kind": "distill", "scheme": {"name": "cut", "inherit": what}, "teacher": teacher, "student": student}
    with pytest.raises(SpecError, match="of which it is a part") as refused:
        parse(spec)
    assert refused.value.field == "scheme.inherit"
    assert str(refused.value).count("\n") == 0


def test_only_the_student_inherits_and_both_learn_from_the_teacher():
    told: list[Any] = []

    class Lab:
        def obtain(self, role: str) -> Any:
            yield {}
            return role

        def students(self, train: Any, teacher: Any) -> Any:
            student = Learner("student", 0, 0.1, "student", {}, torch.nn.Identity())
            student.beside["scratch"] = Learner("scratch", 0, 0.1, "scratch", {}, torch.nn.Identity())
            yield from train(student)

        def inherit(self, learner: Learner, teacher: str, what: str) -> None:
            told.append(("inherit", learner.role, teacher, what))

        def train(self, learner: Learner, *, teacher: str) -> Any:
            told.append(("train", learner.role, teacher))
            yield {}

    list(SCHEMES["cut"].bind({"inherit": "layers"})(Lab()))
    assert told == [("inherit", "student", "teacher", "layers"), ("train", "student", "teacher"), ("train", "scratch", "teacher")]
