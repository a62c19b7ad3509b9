"""What a result says of a role: its networks of all seeds, measured on validation and test images, and their files."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

import torch
from torch import Tensor

from compression.data.arrays import Dataset
from compression.measure.interval import interval
from compression.measure.latency import latency
from compression.measure.layers import nonzero, parameters
from compression.measure.macs import macs
from compression.measure.runners import eager
from compression.networks import Network
from compression.observers.fake_quantize import activation_grids


def describe(
    networks: Mapping[int, Network], files: Mapping[int, Path], correct: Tensor, *, evidence: str = "measured"
) -> dict[str, Any]:
    """Return what a result says of a role, but for its latency.

    Args:
        networks: by seed; numbers that all seeds share are those of the first.
        files: the networks' files, by seed.
        correct: whether each test image is classified correctly, bool (seeds, images).
        evidence: where the accuracy comes from: "measured", "simulated" or "file".
    """
    spread = interval(correct)
    first = next(iter(networks))
    rows = [
        {
            "seed": seed,
            "accuracy": float(row.float().mean()),
            "validation_accuracy": networks[seed].validated["val_accuracy"],
            "artifact": files[seed].name,
            "convergence": networks[seed].facts.get("convergence"),
        }
        for seed, row in zip(networks, correct, strict=True)
    ]
    model = networks[first].model
    return {
        "accuracy": spread.mean,
        "accuracy_interval": [spread.low, spread.high],
        "validation_accuracy": fmean(row["validation_accuracy"] for row in rows),
        "per_seed": rows,
        "parameters": parameters(model),
        "nonzero": nonzero(model),
        "macs": macs(model, networks[first].data.shape),
        "size_bytes": files[first].stat().st_size,
        "artifact": files[first].name,
        "architecture": networks[first].architecture,
        **({"weights": brought} if (brought := networks[first].facts.get("weights")) else {}),
        "evidence": {"accuracy": evidence, "size_bytes": "file", "latency_ms": "measured", "macs": "counted"},
    }


def add_latency(described: Mapping[str, dict[str, Any]], everyone: Mapping[str, Mapping[int, Network]], device: str) -> None:
    """Add to each role the latency of its network; all take turns.

    Of a network that rounds its activations what is timed is the network without the rounding, and the figure is labelled
    simulated: no kernel here computes with rounded activations. Networks of the same structure share their calls.

    Args:
        everyone: networks on the device, by role and seed; the first of each role is timed.
    """
    first = {role: next(iter(by_seed.values())) for role, by_seed in everyone.items()}
    runners, shape = [eager(role, network.model) for role, network in first.items()], next(iter(first.values())).data.shape
    alike = {role: _structure(network) for role, network in first.items()}
    for role, figures in latency(runners, shape, device=device, alike=alike).items():
        simulated = bool(activation_grids(first[role].model))
        described[role]["latency_ms"] = figures | {"simulated": simulated}
        if simulated:
            described[role]["evidence"]["latency_ms"] = "simulated"


def _structure(network: Network) -> str:
    """Return what two networks have in common that take the same time: their layers with their shapes, not their weights."""
    shapes = [(name, *tensor.shape) for name, tensor in network.model.state_dict().items()]
    return f"{network.architecture} {network.data.shape} {shapes}"


def add_agreement(described: dict[str, Any], chosen: Sequence[Tensor], reference: Tensor | Sequence[Tensor]) -> None:
    """Add to each seed and to the role how often its predicted class is that of the reference, 0 to 1.

    Args:
        chosen: the predicted class of each test image, int64 (N,), by seed.
        reference: the same of one network, or of one for each seed.
    """
    references = [reference] * len(chosen) if isinstance(reference, Tensor) else reference
    for row, own, other in zip(described["per_seed"], chosen, references, strict=True):
        row["agreement"] = float((own == other).float().mean())
    described["agreement"] = fmean(row["agreement"] for row in described["per_seed"])


def add_unseen(described: dict[str, Any], correct: Mapping[str, Tensor], labels: Tensor, classes: Sequence[int] | None) -> None:
    """Add to each role how often it is right on the test images of those classes that students have not seen, with the count.

    Args:
        correct: bool (seeds, images), by role.
        labels: of the test images, int64 (images,).
        classes: those that students learned from; None for all.
    """
    unseen = ~torch.isin(labels, torch.tensor(classes, device=labels.device)) if classes is not None else None
    if unseen is None or not unseen.any():
        return
    for role, right in correct.items():
        spread = interval(right[:, unseen.to(right.device)])
        facts = {"accuracy": spread.mean, "interval": [spread.low, spread.high], "images": int(unseen.sum())}
        described[role]["unseen"] = facts


def image_counts(data: Dataset) -> dict[str, int]:
    """Return how many images each split has."""
    return {"train": len(data.train), "validation": len(data.validation), "test": len(data.test)}
