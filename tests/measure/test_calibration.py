"""Calibration: against loops over bins, and closed forms."""

import math

import pytest
import torch

from compression.measure.calibration import accuracy_by_class, calibration


def by_hand(logits: torch.Tensor, labels: torch.Tensor, bins: int) -> float:
    """Return Guo's expected calibration error, one image and one bin at a time."""
    total = 0.0
    for number in range(bins):
        inside = []
        for row, label in zip(logits.double(), labels, strict=True):
            probabilities = [math.exp(value) / sum(math.exp(other) for other in row) for value in row]
            best = max(range(len(probabilities)), key=probabilities.__getitem__)
            if number / bins < probabilities[best] <= (number + 1) / bins:
                inside.append((probabilities[best], best == int(label)))
        if inside:
            gap = sum(right for _confidence, right in inside) - sum(confidence for confidence, _right in inside)
            total += abs(gap) / len(labels)
    return total


@pytest.mark.parametrize("bins", [1, 5, 15])
def test_the_error_is_that_of_a_loop(bins: int) -> None:
    generator = torch.Generator().manual_seed(bins)
    logits = 2 * torch.randn(60, 4, generator=generator)
    labels = torch.randint(0, 4, (60,), generator=generator)
    found = calibration(logits, labels, bins=bins)
    assert found.error == pytest.approx(by_hand(logits, labels, bins))
    assert float(found.count.sum()) == 60


def test_a_network_that_is_sure_and_half_right_has_an_error_of_a_half() -> None:
    logits = torch.tensor([[50.0, 0.0]] * 4)
    found = calibration(logits, torch.tensor([0, 0, 1, 1]))
    assert found.error == pytest.approx(0.5)
    assert float(found.accuracy[-1]) == 0.5
    assert torch.isnan(found.accuracy[:-1]).all()


def test_an_edge_belongs_to_the_bin_below_it() -> None:
    found = calibration(torch.zeros(3, 2), torch.tensor([0, 0, 1]), bins=2)
    assert found.count.tolist() == [3.0, 0.0]


def test_accuracy_by_class_counts_each_label_alone() -> None:
    logits = torch.eye(4)[[0, 0, 1, 2, 3]]
    found = accuracy_by_class(logits, torch.tensor([0, 1, 1, 2, 2]))
    assert found[:3].tolist() == [1.0, 0.5, 0.5]
    assert torch.isnan(found[3])
