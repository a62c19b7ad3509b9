"""What a result says of networks that answer together, by the mean of their probabilities."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from compression.evaluation import predict
from compression.measure.interval import interval
from compression.measure.layers import nonzero, parameters
from compression.measure.macs import macs
from compression.networks import Network
from compression.tasks import task
from compression.teacher import Several, averaged


def ensemble(networks: Mapping[int, Network]) -> Network:
    """Return networks as one that answers with the logits of all, (N, networks, K); its facts and data are the first one's."""
    first = next(iter(networks.values()))
    return replace(first, model=Several([network.model for network in networks.values()]).eval())


def describe_ensemble(
    members: Mapping[str, Any], networks: Mapping[int, Network], files: Mapping[int, Path]
) -> tuple[dict[str, Any], Tensor, Tensor]:
    """Return what a result says of an ensemble, and of it whether each test image is right, bool (N,), and its class, int64 (N,).

    Args:
        members: what `describe` says of the single networks, whose rows by seed stay; `alone` is their mean accuracy.
    """
    whole = ensemble(networks)
    data, rules = whole.data, task(whole.data.task)
    validation, test = (averaged(predict(whole.model, data, split.inputs)) for split in (data.validation, data.test))
    right = rules.correct(test, data.test.labels).cpu()
    spread = interval(right[None])
    figures = {
        "accuracy": spread.mean,
        "accuracy_interval": [spread.low, spread.high],
        "validation_accuracy": float(rules.correct(validation, data.validation.labels).float().mean()),
        "parameters": parameters(whole.model),
        "nonzero": nonzero(whole.model),
        "macs": macs(whole.model, data.shape),
        "size_bytes": sum(path.stat().st_size for path in files.values()),
        "members": len(networks),
        "alone": members["accuracy"],
    }
    return {**members, **figures}, right, torch.argmax(test, 1).cpu()
