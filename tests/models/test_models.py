"""Networks: parameter counts that papers state, shapes on every kind of image, knobs that change them."""

import pytest
import torch

from compression.models import MODELS

SHAPES = [(1, 8, 8), (1, 28, 28), (3, 32, 32)]


def count(name: str, shape: tuple[int, int, int] = (1, 28, 28), classes: int = 10, **knobs: object) -> int:
    return sum(parameter.numel() for parameter in MODELS[name].function(shape, classes, **knobs).parameters())


def test_counts_that_papers_state():
    assert count("lenet5") == 431_080  # Han et al. 2016, table 4: 431K
    assert count("lenet300") == 266_610  # Han et al. 2016, table 3: 267K
    assert count("resnet", (3, 32, 32), depth=20) == 269_722  # He et al. 2016, table 6: 0.27M
    assert count("resnet", (3, 32, 32), depth=56) == 853_018  # He et al. 2016, table 6: 0.85M
    assert count("resnet18_imagenet", (3, 224, 224), 1000) == 11_689_512  # torchvision.models.ResNet18_Weights: num_params
    assert count("mlp", hidden=[1200, 1200]) == 784 * 1200 + 1200 + 1200 * 1200 + 1200 + 1200 * 10 + 10  # Hinton et al. 2015


def test_cnn_counts_in_closed_form():
    for width in (2, 32):
        convolutions = sum(9 * a * b + 3 * b for a, b in ((1, width), (width, 2 * width), (2 * width, 4 * width)))
        assert count("cnn", (1, 8, 8), width=width) == convolutions + 4 * width * 10 + 10
    assert count("cnn", (1, 8, 8), width=2) == 510
    assert count("cnn", (1, 8, 8), width=32) == 94_410


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("name", list(MODELS))
def test_every_network_gives_logits_and_learns_in_every_layer(name, shape):
    torch.manual_seed(0)
    model = MODELS[name].function(shape, 7)
    logits = model(torch.randn(4, *shape))
    assert logits.shape == (4, 7)
    logits.square().sum().backward()
    assert all(parameter.grad is not None for parameter in model.parameters())


@pytest.mark.parametrize(("name", "knob"), [(entry.name, knob) for entry in MODELS.values() for knob in entry.knobs])
def test_every_knob_changes_the_network(name, knob):
    declared = MODELS[name].knobs[knob]
    for value in declared.choices or (declared.low, declared.high if declared.high <= 128 else 64):
        given = [int(value)] if declared.kind == "ints" else type(declared.default)(value)
        knobs = MODELS[name].check({knob: given}, name)
        if knobs[knob] != MODELS[name].check({}, name)[knob]:
            assert count(name, (3, 32, 32), **knobs) != count(name, (3, 32, 32)), value
