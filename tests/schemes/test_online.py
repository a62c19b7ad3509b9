"""Online distillation: the student hears of the teacher, the teacher never of the student."""

from typing import Any

import pytest
import torch
from torch.nn import functional

from compression.distillation import Batch, Seen
from compression.together import train_together
from compression.training import train
from tests.schemes.handed import handed_to_the_lab
from tests.test_training import PLAIN, network, toy

LABELS = torch.tensor([0])
BATCH = Batch(torch.zeros(1), LABELS, LABELS, 0)


def losses_of(**knobs: Any) -> Any:
    """The losses that the scheme hands to the lab, the student's and the teacher's."""
    roles, losses = handed_to_the_lab("online", **knobs)
    assert roles == ["student", "teacher"]
    return losses


def test_the_teacher_ends_as_the_network_that_the_labels_alone_would_make_of_it():
    dataset = toy()
    student, teacher, alone = network(dataset), network(dataset, 1, 4), network(dataset, 1, 4)
    list(train_together([student, teacher], dataset, PLAIN, losses_of(), seed=3))
    list(train(alone, dataset, PLAIN, seed=3))
    for one, other in zip(teacher.parameters(), alone.parameters(), strict=True):
        assert torch.equal(one, other)
    unhelped = network(dataset)
    list(train(unhelped, dataset, PLAIN, seed=3))
    assert not torch.equal(next(iter(student.parameters())), next(iter(unhelped.parameters())))


def test_what_the_student_adds_to_the_labels_worked_by_hand():
    # (0.731, 0.269) and (0.5, 0.5) at T = 2: KL(teacher || student) is 0.110944, and 0.5 * 2² * 0.110944 = 0.221888.
    own, teacher = Seen(torch.tensor([[0.0, 0.0]])), Seen(torch.tensor([[2.0, 0.0]]))
    soft, none = losses_of(temperature=2.0, weight=0.5)
    assert none is None
    assert float(soft(own, [teacher], BATCH)["online"]) == pytest.approx(0.221888, abs=1e-6)
    hard, _none = losses_of(answers="hard", temperature=2.0, weight=0.5)
    expected = 0.5 * functional.cross_entropy(own.logits, torch.tensor([0]))
    assert float(hard(own, [teacher], BATCH)["online"]) == pytest.approx(float(expected))
