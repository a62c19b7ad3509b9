"""How large the parts of a loss are where it matters: by the gradients that they give the weights."""

from collections.abc import Iterable, Mapping, Sequence

import torch
from torch import Tensor, nn

LABELS, PENALTY = "hard", "penalty"
MOST_EPOCHS = 20


def epochs_measured(epochs: int) -> frozenset[int]:
    """Return at the end of which epochs gradients are measured: all of a short training, else `MOST_EPOCHS` evenly spread."""
    count = min(epochs, MOST_EPOCHS)
    return frozenset(round(1 + place * (epochs - 1) / max(count - 1, 1)) for place in range(count))


def gradient_sizes(terms: Mapping[str, Tensor], parameters: Iterable[nn.Parameter]) -> dict[str, Tensor]:
    """Return the lengths of the gradients of the labels' terms and of the teacher's, 0-d each; the graph stays for `backward`.

    Args:
        terms: 0-d tensors by name, as an objective gives them; those named `hard` or `…_hard` are the labels'.
        parameters: of the network that learns.
    """
    own = [parameter for parameter in parameters if parameter.requires_grad]
    of_labels = [term for name, term in terms.items() if name.split("_")[-1] == LABELS]
    of_teacher = [term for name, term in terms.items() if name.split("_")[-1] not in (LABELS, PENALTY)]
    return {"gradient_labels": _length(of_labels, own), "gradient_teacher": _length(of_teacher, own)}


def _length(terms: Sequence[Tensor], parameters: Sequence[nn.Parameter]) -> Tensor:
    total = sum(terms)
    if not isinstance(total, Tensor) or not total.requires_grad:
        return torch.zeros(())
    found = torch.autograd.grad(total, parameters, retain_graph=True, allow_unused=True)
    return torch.stack([gradient.float().square().sum() for gradient in found if gradient is not None]).sum().sqrt()
