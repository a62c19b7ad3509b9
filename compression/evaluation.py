"""What a network answers, and how right it is: validation while something is chosen, test once at the end."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from torch import Tensor, nn

from compression.data.arrays import Dataset
from compression.tasks import task

LARGEST_BATCH = 1024
VALUES_IN_CACHE = 2**16


def predict(model: nn.Module, dataset: Dataset, inputs: Tensor) -> Tensor:
    """Return logits (N, K) for uint8 inputs (N, C, H, W), in evaluation mode and without gradients."""
    # On a CPU a batch whose activations leave the cache takes twice as long; a GPU wants it large.
    fitting = VALUES_IN_CACHE // inputs[0].numel() if inputs.device.type == "cpu" else LARGEST_BATCH
    with evaluating(model), torch.inference_mode():
        batches = inputs.split(min(LARGEST_BATCH, max(64, fitting)))
        return torch.cat([model(dataset.normalize(batch)) for batch in batches])


@contextmanager
def evaluating(*models: nn.Module) -> Iterator[None]:
    """Put networks in evaluation mode, and afterwards each of their modules back in the mode that it had."""
    modes = {module: module.training for model in models for module in model.modules()}
    for model in models:
        model.eval()
    try:
        yield
    finally:
        for module, training in modes.items():
            module.training = training


def validate(logits: Tensor, dataset: Dataset) -> dict[str, float]:
    """Return `val_loss` and `val_accuracy` of logits (N, K) for the first N validation images."""
    rules, labels = task(dataset.task), dataset.validation.labels[: len(logits)]
    return {
        "val_loss": float(rules.loss(logits, labels)),
        "val_accuracy": float(rules.correct(logits, labels).float().mean()),
    }


def evaluate(model: nn.Module, dataset: Dataset, *, images: int | None = None) -> dict[str, float]:
    """Return a network's `val_loss` and `val_accuracy` on the validation split, or on its first images."""
    return validate(predict(model, dataset, dataset.validation.inputs[:images]), dataset)


def score(model: nn.Module, dataset: Dataset) -> tuple[Tensor, Tensor]:
    """Return whether each test image is classified correctly, bool (N,), and the predicted class, int64 (N,)."""
    logits = predict(model, dataset, dataset.test.inputs)
    return task(dataset.task).correct(logits, dataset.test.labels).cpu(), torch.argmax(logits, 1).cpu()
