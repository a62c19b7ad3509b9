"""The verdict: what it says of clear cases, and how often it errs between equals."""

import copy

import pytest
import torch
from torch import nn

from benchmarks.verdict import NOISES, SEEDS, decided
from compression.measure.verdict import distinct, verdict


def rows(*rates: float) -> torch.Tensor:
    return torch.stack([torch.arange(10_000) < round(10_000 * rate) for rate in rates])


@pytest.mark.parametrize(
    ("ours", "theirs", "tolerance", "answer", "reason"),
    [
        (rows(0.95, 0.96, 0.95), rows(0.90, 0.90, 0.90), 0.0, "yes", None),
        (rows(0.90, 0.90, 0.90), rows(0.95, 0.96, 0.95), 0.0, "no", None),
        (rows(0.90, 0.90), rows(0.90, 0.90), 0.0, "inconclusive", "no_difference"),
        (rows(0.90), rows(0.90), 0.0, "inconclusive", "no_difference"),
        (rows(0.96, 0.90), rows(0.93, 0.93), 0.0, "inconclusive", "within_noise"),
        (rows(0.90, 0.90), rows(0.90, 0.90), 0.01, "yes", None),
        (rows(0.90, 0.90), rows(0.90, 0.90), 0.0001, "inconclusive", "within_noise"),
        (rows(0.85, 0.85, 0.85), rows(0.90, 0.90, 0.90), 0.01, "no", None),
        (rows(0.89, 0.89), rows(0.90, 0.90), 0.01, "inconclusive", "within_noise"),
        (rows(0.95), rows(0.50), 0.0, "inconclusive", "one_seed"),
        (rows(0.50), rows(0.95), 0.01, "inconclusive", "one_seed"),
    ],
)
def test_the_answer_follows_the_whole_interval(ours, theirs, tolerance, answer, reason) -> None:
    found = verdict(ours, theirs, claim="x", tolerance=tolerance)
    assert (found["answer"], found["reason"]) == (answer, reason)
    assert found["difference"] == pytest.approx(float(ours.double().mean() - theirs.double().mean()))
    assert found["interval"][0] < found["difference"] < found["interval"][1]
    assert (found["claim"], found["seeds"], found["tolerance"]) == ("x", len(ours), tolerance)


def test_one_teacher_meets_every_student_and_is_named() -> None:
    students, teacher = rows(0.955, 0.953, 0.957), rows(0.96)
    found = verdict(students, teacher, claim="x", tolerance=0.02, fixed="teacher")
    assert (found["answer"], found["fixed"], found["seeds"]) == ("yes", "teacher", 3)
    assert found["interval"] == verdict(students, teacher.expand(3, -1), claim="x", tolerance=0.02)["interval"]
    assert verdict(students, teacher, claim="x", tolerance=0.002)["answer"] != "yes"


@pytest.mark.parametrize("noise", NOISES)
def test_between_equals_at_most_one_in_twenty_is_decided(noise: str) -> None:
    shares = decided(noise)
    print(f"noise of {noise}, no difference: {shares}")
    assert set(shares) == set(SEEDS)
    assert max(shares.values()) <= 0.05


def test_a_real_difference_is_found_the_more_surely_the_more_seeds() -> None:
    power = decided("both", 0.04)
    print(f"a difference of 4 points: {power}")
    assert list(power.values()) == sorted(power.values())
    assert power[10] > 0.8


def test_copies_of_one_network_are_one_seed() -> None:
    first, second = nn.Linear(3, 2), nn.Linear(3, 2)
    assert distinct([first, copy.deepcopy(first), second, first]) == [0, 2]
    assert distinct([first, first, first], [first, second, copy.deepcopy(second)]) == [0, 1]
