"""Pruning by magnitude."""

from torch import Tensor

from compression.pruning import PRUNING
from compression.pruning.layer_facts import LayerFacts
from compression.texts import mark as _


@PRUNING.register(title=_("Magnitude"), source="Han, Pool, Tran & Dally 2015, arXiv:1506.02626, section 3")
def magnitude(layer: LayerFacts) -> Tensor:
    """Keeps the weights that are farthest from zero.

    Weights (-3, 0.5, 2) score (3, 0.5, 2): at a sparsity of one third, 0.5 goes.

    Returns:
        Scores of the weight's shape; the highest are kept.
    """
    return layer.weight.abs()
