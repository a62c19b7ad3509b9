"""What a result says of a role: its networks of all seeds, measured on the test split, and their files."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from compression.measure.interval import interval
from compression.measure.layers import nonzero, parameters
from compression.measure.macs import macs
from compression.measure.verdict import distinct


def describe(
    models: Mapping[int, nn.Module],
    files: Mapping[int, Path],
    correct: Tensor,
    shape: tuple[int, ...],
    *,
    architecture: dict[str, Any],
    evidence: str = "measured",
) -> dict[str, Any]:
    """Return what a result says of a role, but for its latency.

    Args:
        models: by seed; numbers that all seeds share are those of the first.
        files: the networks' files, by seed.
        correct: whether each test image is classified correctly, bool (seeds, images); seeds whose networks are copies of
            another's count once.
        shape: of one example, (C, H, W).
        evidence: where the accuracy comes from: "measured", "simulated" or "file".
    """
    spread = interval(correct[distinct(list(models.values()))])
    first = next(iter(models))
    return {
        "accuracy": spread.mean,
        "accuracy_interval": [spread.low, spread.high],
        "per_seed": [
            {"seed": seed, "accuracy": float(row.float().mean()), "artifact": files[seed].name}
            for seed, row in zip(models, correct, strict=True)
        ],
        "parameters": parameters(models[first]),
        "nonzero": nonzero(models[first]),
        "macs": macs(models[first], shape),
        "size_bytes": files[first].stat().st_size,
        "artifact": files[first].name,
        "architecture": architecture,
        "evidence": {"accuracy": evidence, "size_bytes": "file", "latency_ms": "measured", "macs": "counted"},
    }
