"""Whether a network is as often right as its probabilities say."""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

BINS = 15


@dataclass(frozen=True)
class Calibration:
    """How often a network is right where it is how sure.

    Attributes:
        confidence: (bins,), the mean probability of the predicted class, 0 to 1; nan in an empty bin.
        accuracy: (bins,), the share that is right, 0 to 1; nan in an empty bin.
        count: (bins,), of images.
        error: the expected calibration error, 0 to 1.
    """

    confidence: Tensor
    accuracy: Tensor
    count: Tensor
    error: float


def calibration(logits: Tensor, labels: Tensor, *, bins: int = BINS) -> Calibration:
    """Return the reliability of a network's largest probabilities, in bins of equal width, and their expected error.

    Args:
        logits: (N, K), float.
        labels: (N,), int64.

    Source: Guo, Pleiss, Sun & Weinberger 2017, arXiv:1706.04599, equations 2 and 3; bins are closed above, as there.
    """
    probabilities, predicted = functional.softmax(logits.double(), 1).max(1)
    right = (predicted == labels).double()
    place = (probabilities * bins).ceil().long().sub(1).clamp(0, bins - 1)
    count = torch.bincount(place, minlength=bins).double()
    confidence = torch.bincount(place, probabilities, minlength=bins) / count
    accuracy = torch.bincount(place, right, minlength=bins) / count
    error = float((count / len(labels) * (accuracy - confidence).abs()).nansum())
    return Calibration(confidence, accuracy, count, error)


def accuracy_by_class(logits: Tensor, labels: Tensor) -> Tensor:
    """Return the share of each class's images that are classified correctly, (K,), 0 to 1; nan where a class has none.

    Args:
        logits: (N, K), float.
        labels: (N,), int64.
    """
    classes = logits.shape[1]
    right = (logits.argmax(1) == labels).double()
    return torch.bincount(labels, right, minlength=classes) / torch.bincount(labels, minlength=classes)
