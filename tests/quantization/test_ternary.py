"""Ternary weights against what the paper says, by hand."""

import pytest
import torch

from compression.quantization.ternary import ternary
from compression.spec import parse
from compression.swept import sweepable


def test_the_example_of_its_documentation():
    held = ternary(torch.tensor([[1.0, -0.2, 0.5, -0.9]]))
    assert held.dequantize().tolist() == [pytest.approx([0.8, 0, 0.8, -0.8])]
    assert held.threshold.tolist() == [pytest.approx(0.455)]


@pytest.mark.parametrize("group", ["tensor", "channel"])
def test_scale_and_threshold_are_those_of_the_paper(group):
    weight = torch.randn(3, 2, 3, 3, generator=torch.Generator().manual_seed(1)).double()
    found = ternary(weight, group=group).dequantize()
    for row, values in zip(
        *(one.reshape(1, -1) if group == "tensor" else one.flatten(1) for one in (weight, found)), strict=True
    ):
        delta = 0.7 * sum(abs(one) for one in row.tolist()) / row.numel()
        beyond = [one for one in row.tolist() if abs(one) > delta]
        alpha = sum(map(abs, beyond)) / len(beyond)
        expected = [alpha * (1 if one > 0 else -1) if abs(one) > delta else 0.0 for one in row.tolist()]
        assert values.tolist() == pytest.approx(expected)


def test_pruned_weights_do_not_count():
    held = ternary(torch.tensor([[1.0, 0, 0, -0.2, 0.5, -0.9, 0]]))
    assert held.threshold.tolist() == [pytest.approx(0.455)]
    assert ternary(torch.zeros(2, 4)).dequantize().tolist() == [[0.0] * 4] * 2


def test_training_on_goes_by_the_same_threshold():
    held = ternary(torch.tensor([[1.0, -0.2, 0.5, -0.9]]))
    assert held.nearest(torch.tensor([[0.45, 0.46, -0.46, 3.0]])).levels.tolist() == [[0, 1, -1, 1]]


def test_its_bits_cannot_be_swept():
    settings = [
        sweepable(parse({"kind": "compress", "steps": [{"name": "quantize", "method": name}]}).to_json())
        for name in ("uniform", "ternary")
    ]
    assert ["steps.0.bits" in found for found in settings] == [True, False]
