"""Several teachers: what the student learns from against equations written out here, and what a result says of them together."""

from typing import Any

import pytest
import torch
from torch.nn import functional

from compression import networks
from compression.data.load import load_present
from compression.distillation import Batch, Seen
from compression.errors import SpecError
from compression.execute import Workspace, execute
from compression.schemes import SCHEMES, Learner, each_before
from compression.schemes.ensemble import confidence
from compression.settings import data_root
from compression.spec import parse

ENSEMBLE = {"kind": "distill", "scheme": {"name": "ensemble"}}
LABELS = torch.tensor([0, 2, 1])
BATCH = Batch(torch.zeros(3), LABELS, LABELS, 0)


def loss_of(**knobs: Any) -> Any:
    """The loss that the scheme hands to the lab."""
    handed = []

    class Lab:
        def obtain(self, _role: str) -> Any:
            yield {}

        def students(self, train: Any, teacher: Any) -> Any:
            yield from train(Learner("student", 0, 0.1, "student", {}, torch.nn.Identity()))

        def train(self, _learner: Any, *, teacher: Any, loss: Any) -> Any:
            handed.append(loss)
            yield {}

    list(SCHEMES["ensemble"].bind(knobs)(Lab()))
    (loss,) = handed
    return loss


def test_probabilities_are_averaged_and_not_logits():
    # (4, 0) and (0, 0) at T = 2 are (0.880797, 0.119203) and (0.5, 0.5); their mean is (0.690399, 0.309601), and
    # KL(mean || (0.5, 0.5)) = ln 2 - 0.618782 = 0.074365; the mean of the logits, (2, 0), would give 0.110944.
    own, several = Seen(torch.zeros(1, 2)), Seen(torch.tensor([[[4.0, 0.0], [0.0, 0.0]]]))
    loss = loss_of(temperature=2.0, weight=0.5)
    assert float(loss(own, several, BATCH)["ensemble"]) == pytest.approx(0.5 * 4 * 0.074365, abs=1e-5)


@pytest.mark.parametrize("weighting", ["mean", "confidence"])
def test_the_gradient_is_that_of_the_weighted_sum_of_all_divergences(weighting):
    generator = torch.Generator().manual_seed(0)
    logits, teachers = torch.randn(3, 4, generator=generator), 3 * torch.randn(3, 3, 4, generator=generator)
    ours, plain = logits.clone().requires_grad_(), logits.clone().requires_grad_()
    loss_of(weighting=weighting, temperature=3.0, weight=1.5)(Seen(ours), Seen(teachers), BATCH)["ensemble"].backward()
    wrong = torch.stack([functional.cross_entropy(teachers[:, k], LABELS, reduction="none") for k in range(3)], 1)
    for example in range(3):
        shares = torch.exp(wrong[example]) / torch.exp(wrong[example]).sum()
        for k in range(3):
            weight = (1 - shares[k]) / 2 if weighting == "confidence" else 1 / 3
            p, log_q = (teachers[example, k] / 3).softmax(0), (plain[example] / 3).log_softmax(0)
            (1.5 * 9 / 3 * weight * (p * (p.log() - log_q)).sum()).backward()
    torch.testing.assert_close(ours.grad, plain.grad)


def test_confidence_is_greatest_for_the_teacher_that_knows_the_label_and_sums_to_one():
    logits = torch.tensor([[[5.0, 0.0], [0.0, 5.0], [0.0, 0.0]]])
    weights = confidence(logits, torch.tensor([0]))[0]
    assert float(weights.sum()) == pytest.approx(1)
    assert weights[0] > weights[2] > weights[1] >= 0


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"scheme": {"name": "ensemble", "teachers": 1}}, "scheme.teachers"),
        ({"loss": {"name": "kd"}}, "loss"),
        ({"teacher": {"run": "abcdef", "role": "student", "seed": 0}}, "teacher.run"),
    ],
)
def test_what_makes_no_sense_with_it_is_refused(fields, field):
    with pytest.raises(SpecError) as refused:
        parse({**ENSEMBLE, **fields})
    assert refused.value.field == field


def test_its_result_is_that_of_the_teachers_together(tmp_path):
    small = {"teacher": {"name": "cnn", "width": 3}, "student": {"name": "cnn", "width": 2}, "transfer": {"images": 60}}
    given = {"teacher_train": {"epochs": 2}, "train": {"epochs": 2}, "seeds": [0, 2], **small}
    spec = parse({**ENSEMBLE, **given, "dataset": {"name": "digits", "train_images": 200}})
    assert [seed for _role, _choice, seed in each_before(spec)] == [0, 1, 2]
    workspace = Workspace(tmp_path / "run", tmp_path / "models", tmp_path)
    *_events, last = execute(spec, workspace)
    found, data = last["result"]["models"]["teacher"], load_present(spec.dataset, data_root())
    files = [workspace.folder / f"teacher-seed{seed}.safetensors" for seed in (0, 1, 2)]
    models = [networks.read(file, data).model for file in files]
    with torch.no_grad():
        probabilities = sum(model(data.normalize(data.test.inputs)).softmax(1) for model in models)
    right = probabilities.argmax(1) == data.test.labels
    assert found["accuracy"] == pytest.approx(float(right.float().mean()))
    assert found["size_bytes"] == sum(file.stat().st_size for file in files)
    assert found["parameters"] == sum(parameter.numel() for model in models for parameter in model.parameters())
    assert (found["members"], [row["seed"] for row in found["per_seed"]]) == (3, [0, 1, 2])
    assert found["alone"] == pytest.approx(sum(row["accuracy"] for row in found["per_seed"]) / 3)
    student = last["result"]["models"]["student"]
    assert last["result"]["teacher_verdict"]["difference"] == pytest.approx(student["accuracy"] - found["accuracy"])
