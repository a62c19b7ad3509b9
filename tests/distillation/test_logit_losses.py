"""Losses on logits against their equations, worked row by row with nothing but exponentials, and what leaves them as they are."""

import math

import pytest
import torch
from torch.nn import functional

from compression.data import DATASETS
from compression.distillation import Batch, Seen
from compression.distillation.dkd import dkd
from compression.distillation.kd import kd
from compression.distillation.logit_difference import logit_difference
from compression.distillation.logit_difference_centred import logit_difference_centred
from compression.distillation.logit_standardization import logit_standardization
from compression.distillation.soft_cross_entropy import soft_cross_entropy
from compression.distillation.virtual_teacher import virtual_teacher
from compression.errors import SpecError
from compression.objective import build_objective
from compression.spec import parse

STUDENT = [[0.3, -1.2, 2.0, 0.1], [1.5, 0.1, -0.4, 0.9], [0.0, 2.5, 1.0, -3.0]]
TEACHER = [[1.0, 0.0, 3.0, -1.0], [-2.0, 0.5, 0.7, 0.2], [4.0, -1.0, 1.0, 0.5]]
LABELS = [2, 0, 0]


def softmax(row: list[float], temperature: float) -> list[float]:
    powers = [math.exp(value / temperature) for value in row]
    return [power / sum(powers) for power in powers]


def divergence(target: list[float], given: list[float]) -> float:
    return sum(p * math.log(p / q) for p, q in zip(target, given, strict=True))


def of(rows: list[list[float]]) -> Seen:
    return Seen(torch.tensor(rows, dtype=torch.float64))


def batch(labels: list[int]) -> Batch:
    return Batch(torch.empty(0), torch.tensor(labels), torch.arange(len(labels)), step=0)


def mean_over_rows(loss) -> float:
    return sum(loss(own, theirs, label) for own, theirs, label in zip(STUDENT, TEACHER, LABELS, strict=True)) / len(LABELS)


def gradient(loss, rows: list[list[float]]) -> torch.Tensor:
    leaf = torch.tensor(rows, dtype=torch.float64, requires_grad=True)
    loss(Seen(leaf)).backward()
    return leaf.grad


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_soft_cross_entropy_against_the_equation(temperature):
    def expected(own, theirs, _label):
        pairs = zip(softmax(theirs, temperature), softmax(own, temperature), strict=True)
        return -sum(p * math.log(q) for p, q in pairs)

    found = soft_cross_entropy(of(STUDENT), of(TEACHER), batch(LABELS), temperature=temperature, alpha=0.3)["soft"]
    assert float(found) == pytest.approx(0.3 * temperature**2 * mean_over_rows(expected))


def test_soft_cross_entropy_trains_as_kd_does():
    gradients = [
        gradient(lambda student, loss=loss: loss(student, of(TEACHER), batch(LABELS))["soft"], STUDENT)
        for loss in (soft_cross_entropy, kd)
    ]
    torch.testing.assert_close(*gradients)


def test_the_centred_difference_against_the_equation():
    def expected(own, theirs, _label):
        differences = [a - b for a, b in zip(own, theirs, strict=True)]
        mean = sum(differences) / len(differences)
        return sum((difference - mean) ** 2 for difference in differences) / len(differences) / 2

    found = logit_difference_centred(of(STUDENT), of(TEACHER), batch(LABELS), alpha=0.3)["soft"]
    assert float(found) == pytest.approx(0.3 * mean_over_rows(expected))


def test_an_offset_of_all_classes_matters_to_the_plain_difference_alone():
    def losses(teacher):
        return [float(loss(of(STUDENT), teacher, batch(LABELS))["soft"]) for loss in (logit_difference, logit_difference_centred)]

    plain, centred = losses(of(TEACHER))
    moved = losses(Seen(of(TEACHER).logits + torch.tensor([[3.0], [-1.0], [7.0]])))
    assert moved[0] > 2 * plain
    assert moved[1] == pytest.approx(centred)


def test_kd_of_a_high_temperature_is_the_centred_difference():
    hot = kd(of(STUDENT), of(TEACHER), batch(LABELS), temperature=1e4, alpha=1.0)["soft"]
    centred = logit_difference_centred(of(STUDENT), of(TEACHER), batch(LABELS), alpha=1.0)["soft"]
    assert float(hot) == pytest.approx(float(centred), rel=1e-3)


@pytest.mark.parametrize("temperature", [0.5, 1.0, 4.0])
def test_decoupled_kd_against_its_equations(temperature):
    def target(own, theirs, label):
        q, p = softmax(own, temperature)[label], softmax(theirs, temperature)[label]
        return divergence([p, 1 - p], [q, 1 - q])

    def others(own, theirs, label):
        rest = [[value for place, value in enumerate(row) if place != label] for row in (theirs, own)]
        return divergence(*(softmax(row, temperature) for row in rest))

    found = dkd(of(STUDENT), of(TEACHER), batch(LABELS), temperature=temperature, target_weight=0.7, others_weight=3.0)
    assert float(found["target"]) == pytest.approx(0.7 * temperature**2 * mean_over_rows(target))
    assert float(found["others"]) == pytest.approx(3.0 * temperature**2 * mean_over_rows(others))


@pytest.mark.parametrize("temperature", [1.0, 4.0])
@pytest.mark.parametrize("row", range(3))
def test_decoupled_kd_is_kd_where_the_others_weigh_what_the_teacher_leaves_them(row, temperature):
    student, teacher, given = of(STUDENT[row : row + 1]), of(TEACHER[row : row + 1]), batch(LABELS[row : row + 1])
    left = 1 - softmax(TEACHER[row], temperature)[LABELS[row]]
    terms = dkd(student, teacher, given, temperature=temperature, target_weight=1.0, others_weight=left)
    whole = kd(student, teacher, given, temperature=temperature, alpha=1.0)["soft"]
    assert float(sum(terms.values())) == pytest.approx(float(whole))


def test_decoupled_kd_of_two_classes_has_nothing_to_say_of_others_and_is_refused(monkeypatch):
    student, teacher = of([[0.5, 1.0]]), of([[2.0, -1.0]])
    terms = dkd(student, teacher, batch([1]), temperature=2.0, target_weight=1.0, others_weight=8.0)
    assert float(terms["others"]) == 0
    assert float(terms["target"]) == pytest.approx(float(kd(student, teacher, batch([1]), temperature=2.0, alpha=1.0)["soft"]))
    monkeypatch.setitem(DATASETS["digits"].traits, "classes", 2)
    for losses in ({"name": "dkd"}, [{"name": "kd"}, {"name": "dkd"}]):
        with pytest.raises(SpecError, match="it needs at least 3 classes, and this dataset has 2: choose another loss"):
            parse({"kind": "distill", "loss": losses})


@pytest.mark.parametrize("temperature", [1.0, 2.0, 4.0])
def test_kd_of_standardized_logits_against_the_equation(temperature):
    def standardized(row):
        mean = sum(row) / len(row)
        deviation = math.sqrt(sum((value - mean) ** 2 for value in row) / len(row))
        return softmax([(value - mean) / deviation for value in row], temperature)

    expected = mean_over_rows(lambda own, theirs, _label: divergence(standardized(theirs), standardized(own)))
    found = logit_standardization(of(STUDENT), of(TEACHER), batch(LABELS), temperature=temperature, alpha=0.3, factor=7.0)
    assert float(found["soft"]) == pytest.approx(7.0 * 0.3 * temperature**2 * expected, rel=1e-4)


def test_standardized_logits_may_be_of_any_size_and_offset():
    student, teacher = of(STUDENT), of(TEACHER)
    grown = Seen(student.logits * torch.tensor([[3.0], [0.5], [20.0]]) + torch.tensor([[1.0], [-50.0], [0.0]]))
    plain, moved = (float(logit_standardization(seen, teacher, batch(LABELS))["soft"]) for seen in (student, grown))
    assert moved == pytest.approx(plain, rel=1e-3)
    assert float(kd(grown, teacher, batch(LABELS))["soft"]) > 2 * float(kd(student, teacher, batch(LABELS))["soft"])


def test_standardized_logits_of_deviation_1_are_kd():
    student, teacher = (Seen(functional.layer_norm(of(rows).logits, (4,), eps=0)) for rows in (STUDENT, TEACHER))
    found = logit_standardization(student, teacher, batch(LABELS), temperature=3.0, alpha=0.6, factor=1.0)["soft"]
    assert float(found) == pytest.approx(float(kd(student, teacher, batch(LABELS), temperature=3.0, alpha=0.6)["soft"]), rel=1e-4)


def test_label_smoothing_with_the_labels_is_the_cross_entropy_of_torch():
    objective = build_objective({"name": "label_smoothing", "smoothing": 0.3})
    total = objective.total(objective.build(of(STUDENT), of(TEACHER)), functional.cross_entropy)
    found = sum(total(of(STUDENT), of(TEACHER), batch(LABELS)).values())
    expected = functional.cross_entropy(of(STUDENT).logits, torch.tensor(LABELS), label_smoothing=0.3)
    assert float(found) == pytest.approx(float(expected))


@pytest.mark.parametrize("temperature", [1.0, 4.0, 20.0])
def test_the_virtual_teacher_against_the_equation(temperature):
    def expected(own, _theirs, label):
        virtual = [0.9 if place == label else 0.1 / 3 for place in range(4)]
        return divergence(softmax([math.log(p) for p in virtual], temperature), softmax(own, temperature))

    found = virtual_teacher(of(STUDENT), of(TEACHER), batch(LABELS), temperature=temperature, alpha=0.3, correct=0.9)["soft"]
    assert float(found) == pytest.approx(0.3 * temperature**2 * mean_over_rows(expected))


def test_a_virtual_teacher_at_temperature_1_is_smoothed_labels_but_for_its_own_entropy():
    student, given = of(STUDENT), batch(LABELS)
    smoothing, classes = 0.2, 4
    correct = 1 - smoothing + smoothing / classes
    found = virtual_teacher(student, None, given, temperature=1.0, alpha=1.0, correct=correct)["soft"]
    wrong = smoothing / classes
    entropy = -correct * math.log(correct) - (classes - 1) * wrong * math.log(wrong)
    expected = functional.cross_entropy(student.logits, given.labels, label_smoothing=smoothing)
    assert float(found) == pytest.approx(float(expected) - entropy)
