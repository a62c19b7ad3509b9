"""Within an epoch nothing waits for the device: a GPU has its next steps queued while it computes."""

from typing import Any

import pytest
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from compression.hooks import Hooks
from compression.objective import build_objective
from compression.recipe import RECIPE
from compression.teacher import Teacher
from compression.training import Loop
from tests.test_training import network, toy

LOSSES = [{"name": "kd", "temperature": 4.0, "alpha": 0.9}, {"name": "fitnets", "hint_weight": 1.0, "stage": 1}]


class Waiting(TorchFunctionMode):
    """Counts what makes the host wait for a device: numbers that are read, tensors that move to the CPU."""

    READS = ("item", "tolist", "cpu", "numpy", "nonzero", "synchronize", "__bool__", "__float__", "__int__", "__index__")

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_function__(self, function: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if getattr(function, "__name__", "") in self.READS:
            self.found.append(function.__name__)
        return function(*args, **(kwargs or {}))


class Reading(TorchDispatchMode):
    """Counts the operations by which a number leaves a device, whoever calls them."""

    def __init__(self) -> None:
        super().__init__()
        self.found: list[str] = []

    def __torch_dispatch__(self, operation: Any, _types: Any, args: Any = (), kwargs: Any = None) -> Any:
        name = operation.overloadpacket.__name__
        if name in ("_local_scalar_dense", "nonzero", "is_nonzero", "equal"):
            self.found.append(name)
        return operation(*args, **(kwargs or {}))


@pytest.mark.parametrize("asked", ["float32", "bfloat16"])
@pytest.mark.parametrize("loss", LOSSES, ids=lambda loss: loss["name"])
@pytest.mark.parametrize("augment", ["none", "shift_flip"])
def test_no_step_of_an_epoch_waits_for_the_device(loss: dict[str, Any], augment: str, asked: str):
    dataset, recipe = toy(), RECIPE.function(epochs=1, batch_size=16, augment=augment, precision=asked)
    model, objective = network(dataset), build_objective(loss)
    loop = Loop(model.train(), dataset, recipe, 0, objective, Teacher(network(dataset, 1, 4).eval(), dataset), Hooks())
    totals: dict[str, Tensor] = {}
    batches = [*loop.order(1)]
    with Waiting() as waiting, Reading() as reading:
        for step, chosen, views in batches:
            loop.take_step(step, chosen, views, totals)
    assert (waiting.found, reading.found) == ([], [])
