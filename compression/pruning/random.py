"""Pruning at random."""

import zlib
from typing import Annotated

import torch
from torch import Tensor

from compression.catalog import Knob
from compression.pruning import PRUNING
from compression.pruning.layer_facts import LayerFacts
from compression.texts import mark as _


@PRUNING.register(title=_("Random"), source="Blalock et al. 2020, arXiv:2003.03033")
def random(
    layer: LayerFacts, *, seed: Annotated[int, Knob(_("Another seed removes other weights"), low=0, high=999, step=1)] = 0
) -> Tensor:
    """Keeps weights by chance: the floor that every other criterion has to beat.

    Each weight scores a number drawn from 0 to 1, the same whenever seed and layer are.

    Returns:
        Scores of the weight's shape; the highest are kept.
    """
    generator = torch.Generator().manual_seed(zlib.crc32(f"{seed} {layer.name}".encode()))
    return torch.rand(layer.weight.shape, generator=generator)
