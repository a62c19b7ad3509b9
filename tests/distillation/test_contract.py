"""What every distillation loss must do, whichever it is."""

import re

import pytest
import torch

from compression.catalog import Entry
from compression.distillation import DISTILLATION

ENTRIES = list(DISTILLATION.values())


def batch(seed: int = 0) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(seed)
    student = torch.randn(6, 5, generator=generator, requires_grad=True)
    teacher = (2 * torch.randn(6, 5, generator=generator)).requires_grad_()
    return student, teacher, torch.tensor([0, 1, 2, 3, 4, 0])


def total(entry: Entry, *data: torch.Tensor, **knobs: object) -> torch.Tensor:
    return sum(entry.function(*data, **knobs).values())


def other_value(knob):
    if knob.kind == "choice":
        return next(choice for choice in knob.choices if choice != knob.default)
    if knob.kind == "bool":
        return not knob.default
    return knob.low + 0.37 * (knob.high - knob.low) if knob.kind == "float" else knob.default + 1


@pytest.fixture(params=ENTRIES, ids=lambda entry: entry.name)
def entry(request):
    return request.param


def test_terms_are_finite_scalars(entry):
    for name, term in entry.function(*batch()).items():
        assert term.shape == (), name
        assert torch.isfinite(term), name


def test_the_gradient_reaches_the_student_and_not_the_teacher(entry):
    student, teacher, labels = batch()
    total(entry, student, teacher, labels).backward()
    assert student.grad.abs().sum() > 0
    assert teacher.grad is None or teacher.grad.abs().sum() == 0


def test_each_term_alone_trains_the_student(entry):
    for name in entry.function(*batch()):
        student, teacher, labels = batch()
        entry.function(student, teacher, labels)[name].backward()
        assert student.grad.abs().sum() > 0, name


def test_the_teacher_matters_and_the_labels_matter(entry):
    student, teacher, labels = batch()
    value = total(entry, student, teacher, labels)
    assert not torch.isclose(value, total(entry, student, batch(1)[1], labels))
    assert not torch.isclose(value, total(entry, student, teacher, labels.roll(1)))


def test_the_order_of_a_batch_does_not_matter(entry):
    data = batch()
    order = torch.tensor([3, 1, 5, 0, 4, 2])
    assert torch.isclose(total(entry, *data), total(entry, *(part[order] for part in data)))


def test_a_doubled_batch_has_the_same_loss_where_examples_count_alone(entry):
    data = batch()
    if entry.traits["per_example"]:
        assert torch.isclose(total(entry, *data), total(entry, *(torch.cat([part, part]) for part in data)))


def test_a_student_like_its_teacher_has_nothing_left_to_learn_from_it(entry):
    _student, teacher, labels = batch()
    copy = teacher.detach().clone().requires_grad_()
    terms = entry.function(copy, teacher, labels)
    terms["soft"].backward()
    assert copy.grad.abs().max() < 1e-6


def test_every_knob_changes_the_result(entry):
    data = batch()
    for knob in entry.knobs.values():
        assert not torch.isclose(total(entry, *data), total(entry, *data, **{knob.name: other_value(knob)})), knob.name


def test_the_bounds_are_usable(entry):
    for knob in entry.knobs.values():
        for value in (knob.low, knob.high):
            student, teacher, labels = batch()
            loss = total(entry, student * 20, teacher * 20, labels, **{knob.name: value})
            loss.backward()
            assert torch.isfinite(loss), (knob.name, value)
            assert torch.isfinite(student.grad).all(), (knob.name, value)


def test_it_is_documented_with_a_source_and_a_worked_number(entry):
    text = " ".join(entry.function.__doc__.split())
    assert entry.source
    assert entry.title
    assert all(knob.help and knob.low is not None and knob.high is not None for knob in entry.knobs.values())
    worked = re.search(r"student logits \(0, 0\) and \(2, 0\), teacher logits \((.+?)\) and \((.+?)\).*in all (\d+\.\d+)", text)
    assert worked, "the docstring works a number by hand"
    rows = [[float(number) for number in worked[group].split(",")] for group in (1, 2)]
    knobs = {name: float(re.search(rf"{name} (\d+\.?\d*)", text)[1]) for name in entry.knobs}
    assert all(knobs[name] not in (1.0, knob.default) for name, knob in entry.knobs.items())
    given = torch.tensor([[0.0, 0.0], [2.0, 0.0]]), torch.tensor(rows), torch.tensor([0, 1])
    assert float(total(entry, *given, **knobs)) == pytest.approx(float(worked[3]), abs=1e-5)
