"""Pruning by magnitude."""

from torch import Tensor

from compression.pruning import PRUNING
from compression.texts import mark as _


@PRUNING.register(title=_("Magnitude"), source="Han, Pool, Tran & Dally 2015, arXiv:1506.02626, section 3")
def magnitude(weight: Tensor) -> Tensor:
    """Keeps the weights that are farthest from zero.

    Weights (-3, 0.5, 2) score (3, 0.5, 2): at a sparsity of one third, 0.5 goes.

    Args:
        weight: any shape, float.

    Returns:
        Scores of the same shape; the highest are kept.
    """
    return weight.abs()
