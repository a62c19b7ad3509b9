"""The recipe's optimizers against torch's classes, and what they leave unloaded."""

import io
import subprocess
import sys

import pytest
import torch
from torch import nn

from compression.optimizer import Optimizer
from compression.recipe import Recipe

KINDS = {
    "sgd": lambda groups, lr: torch.optim.SGD(groups, lr=lr, momentum=0.8, nesterov=True, fused=True),
    "adam": lambda groups, lr: torch.optim.Adam(groups, lr=lr, fused=True),
    "adamw": lambda groups, lr: torch.optim.AdamW(groups, lr=lr, fused=True),
}


def network() -> nn.Module:
    torch.manual_seed(0)
    return nn.Sequential(nn.Conv2d(1, 3, 3), nn.BatchNorm2d(3), nn.ReLU(), nn.Flatten(), nn.Linear(3 * 16, 4))


def recipe(kind: str, momentum: float = 0.8) -> Recipe:
    return Recipe(1, 8, 0.05, kind, momentum, "constant", 0.01, "none")


def grouped(model: nn.Module) -> list[dict]:
    parameters = list(model.parameters())
    return [
        {"params": [parameter for parameter in parameters if parameter.ndim > 1], "weight_decay": 0.01},
        {"params": [parameter for parameter in parameters if parameter.ndim <= 1], "weight_decay": 0.0},
    ]


def steps(model: nn.Module, optimizer: object, rates: list[float]) -> None:
    generator = torch.Generator().manual_seed(1)
    for rate in rates:
        if isinstance(optimizer, Optimizer):
            optimizer.lr = rate
        else:
            for group in optimizer.param_groups:
                group["lr"] = rate
        optimizer.zero_grad()
        model(torch.randn(8, 1, 6, 6, generator=generator)).square().mean().backward()
        optimizer.step()


@pytest.mark.parametrize("kind", KINDS)
def test_steps_are_those_of_torch_bit_for_bit(kind: str) -> None:
    ours, theirs = network(), network()
    optimizer, reference = Optimizer(ours, recipe(kind)), KINDS[kind](grouped(theirs), 0.05)
    rates = [0.05, 0.1, 0.02, 0.003]
    steps(ours, optimizer, rates)
    steps(theirs, reference, rates)
    assert all(torch.equal(*pair) for pair in zip(ours.parameters(), theirs.parameters(), strict=True))
    held, expected = optimizer.state_dict(), reference.state_dict()
    assert [group["params"] for group in held["param_groups"]] == [group["params"] for group in expected["param_groups"]]
    for place, state in expected["state"].items():
        assert state.keys() == held["state"][place].keys()
        assert all(torch.equal(value, held["state"][place][name]) for name, value in state.items())


@pytest.mark.parametrize("kind", KINDS)
def test_an_interrupted_training_of_torchs_own_optimizer_goes_on(kind: str) -> None:
    whole, half = network(), network()
    steps(whole, Optimizer(whole, recipe(kind)), [0.05] * 2)
    reference = KINDS[kind](grouped(half), 0.05)
    steps(half, reference, [0.05] * 2)
    buffer = io.BytesIO()
    torch.save(reference.state_dict(), buffer)
    buffer.seek(0)
    optimizer, other = Optimizer(half, recipe(kind)), KINDS[kind](grouped(whole), 0.05)
    optimizer.load_state_dict(torch.load(buffer, weights_only=True))
    other.load_state_dict(reference.state_dict())
    steps(half, optimizer, [0.02] * 2)
    steps(whole, other, [0.02] * 2)
    assert all(torch.equal(*pair) for pair in zip(whole.parameters(), half.parameters(), strict=True))


def test_without_momentum_it_is_plain_descent() -> None:
    model = network()
    before = [parameter.detach().clone() for parameter in model.parameters()]
    steps(model, Optimizer(model, recipe("sgd", momentum=0.0)), [0.05])
    for parameter, old in zip(model.parameters(), before, strict=True):
        decay = 0.01 if parameter.ndim > 1 else 0.0
        torch.testing.assert_close(parameter.detach(), old - 0.05 * (parameter.grad + decay * old))


def test_frozen_and_unused_parameters_stay() -> None:
    model = nn.ModuleDict({"used": nn.Linear(2, 2), "unused": nn.Linear(2, 2), "frozen": nn.Linear(2, 2).requires_grad_(False)})
    before = {name: parameter.detach().clone() for name, parameter in model.named_parameters()}
    optimizer = Optimizer(model, recipe("adamw"))
    model["frozen"](model["used"](torch.ones(1, 2))).sum().backward()
    optimizer.step()
    moved = {name for name, parameter in model.named_parameters() if not torch.equal(parameter, before[name])}
    assert moved == {"used.weight", "used.bias"}


def test_the_state_of_other_parameters_is_refused() -> None:
    content = Optimizer(network(), recipe("sgd")).state_dict()
    with pytest.raises(ValueError, match="other parameters"):
        Optimizer(nn.Linear(2, 2), recipe("sgd")).load_state_dict(content)


def test_a_training_loads_no_compiler() -> None:
    script = """
import sys
import our_compression
from torch import nn
import torch
from compression.optimizer import Optimizer
from compression.recipe import Recipe
for kind in ("sgd", "adam", "adamw"):
    model = nn.Linear(2, 2)
    optimizer = Optimizer(model, Recipe(1, 8, 0.1, kind, 0.9, "constant", 0.0, "none"))
    optimizer.zero_grad()
    model(torch.ones(1, 2)).sum().backward()
    optimizer.step()
    optimizer.load_state_dict(optimizer.state_dict())
print("torch._dynamo" in sys.modules)
"""
    told = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert told.stdout.strip() == "False"
