"""A loss of a spec as one callable, whether it names one distillation loss or a weighted sum of several."""

from typing import Any

from torch import Tensor

from compression.distillation import DISTILLATION
from compression.training import Objective


def build_objective(loss: dict[str, Any] | list[dict[str, Any]]) -> Objective:
    """Return student logits, teacher logits and labels to named loss terms whose sum is the loss.

    The terms of a sum are named `<loss>_<term>` and already carry the loss's weight.
    """
    if isinstance(loss, dict):
        return DISTILLATION[loss["name"]].bind(loss)
    parts = [
        (f"{index + 1}_{part['name']}", part["weight"], build_objective({k: v for k, v in part.items() if k != "weight"}))
        for index, part in enumerate(loss)
    ]

    def total(student_logits: Tensor, teacher_logits: Tensor, labels: Tensor) -> dict[str, Tensor]:
        return {
            f"{label}_{name}": weight * term
            for label, weight, part in parts
            for name, term in part(student_logits, teacher_logits, labels).items()
        }

    return total
