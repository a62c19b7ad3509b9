"""What networks answer to the images of a split, for whoever wants to look closer than at one accuracy."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from torch import Tensor

from compression import networks
from compression.data.arrays import Dataset, Split
from compression.evaluation import predict

SPLITS = ("validation", "test")


@dataclass(frozen=True)
class Answers:
    """The answers of several networks to the same images.

    Attributes:
        split: the images, uint8 (N, C, H, W), and their labels, int64 (N,).
        class_names: one a class.
        logits: (N, K), float32, by role.
    """

    split: Split
    class_names: tuple[str, ...]
    logits: dict[str, Tensor]


def files_of(models: Mapping[str, Any], folder: Path, seed: int) -> dict[str, Path]:
    """Return the files of a run's networks of a seed by role; of a role that has that seed not, the first one.

    Args:
        models: as a result has them.
        folder: of the run.
    """
    found = {}
    for role, model in models.items():
        rows = [row for row in model.get("per_seed", ()) if row.get("artifact")]
        if rows:
            found[role] = folder / next((row for row in rows if row.get("seed") == seed), rows[0])["artifact"]
    return found


def ask(files: Mapping[str, Path], dataset: Dataset, split: str, *, images: int | None = None) -> Answers:
    """Return what the networks in files answer to a split's images, or to its first ones.

    Args:
        split: "validation" or "test".

    Raises:
        DataError: a file cannot be read, or its network does not fit the dataset.
    """
    whole: Split = getattr(dataset, split)
    chosen = Split(whole.inputs[:images], whole.labels[:images])
    logits = {}
    for role, path in files.items():
        network = networks.read(path, dataset)
        logits[role] = predict(network.model, network.data, chosen.inputs)
    return Answers(chosen, tuple(dataset.class_names), logits)


def ask_untrained(path: Path, dataset: Dataset, split: Split, *, seed: int) -> Tensor:
    """Return the logits (N, K) of the network in a file as it was before its training: with the weights of its seed.

    Raises:
        DataError: the file cannot be read, or its network does not fit the dataset.
    """
    network = networks.read(path, dataset)
    return predict(networks.build(network.architecture, dataset, seed=seed), network.data, split.inputs)
