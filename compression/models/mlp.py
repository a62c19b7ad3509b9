"""Fully connected networks."""

import itertools
from typing import Annotated

from torch import nn

from compression.catalog import Knob
from compression.models import MODELS
from compression.texts import mark as _

Shape = tuple[int, int, int]


def stack(sizes: list[int]) -> nn.Sequential:
    """Return linear layers of these sizes with ReLU between them; input (B, …) is flattened."""
    layers: list[nn.Module] = [nn.Flatten()]
    for index, (fan_in, fan_out) in enumerate(itertools.pairwise(sizes)):
        layers += [nn.ReLU()] if index else []
        layers.append(nn.Linear(fan_in, fan_out))
    return nn.Sequential(*layers)


@MODELS.register(title=_("MLP"), source="Rumelhart, Hinton & Williams 1986, Nature 323")
def mlp(
    shape: Shape,
    classes: int,
    *,
    hidden: Annotated[list[int], Knob(_("Units of each hidden layer, first to last"), low=1, high=4096, unit="units")] = (64,),
) -> nn.Module:
    """Flattens the image and passes it through fully connected layers with ReLU."""
    channels, height, width = shape
    return stack([channels * height * width, *hidden, classes])


@MODELS.register(
    title=_("LeNet-300-100"), source="LeCun et al. 1998, Proc. IEEE 86; sizes as in Han et al. 2015, arXiv:1506.02626"
)
def lenet300(shape: Shape, classes: int) -> nn.Module:
    """Two hidden layers of 300 and 100 units: the classic subject of pruning papers."""
    channels, height, width = shape
    return stack([channels * height * width, 300, 100, classes])
