"""What a dataset's file returns, and what training reads: whole arrays, split once."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

VALIDATION_SHARE = 0.2
VALIDATION_MOST = 5000


@dataclass(frozen=True)
class Arrays:
    """A dataset as it is published: images uint8 (N, C, H, W) and labels int64 (N,)."""

    train_inputs: Tensor
    train_labels: Tensor
    test_inputs: Tensor
    test_labels: Tensor


@dataclass(frozen=True)
class Split:
    """One part of a dataset: inputs uint8 (N, C, H, W), labels int64 (N,), both on one device."""

    inputs: Tensor
    labels: Tensor

    def __len__(self) -> int:
        return len(self.labels)

    def to(self, device: str) -> "Split":
        """Return the same examples on a device."""
        return Split(self.inputs.to(device), self.labels.to(device))


@dataclass(frozen=True)
class Dataset:
    """A dataset ready for training; `mean` and `std` (1, C, 1, 1) are those of the training split alone.

    Test data is touched once, at the end of a run; everything that is chosen is chosen on the validation split.
    """

    name: str
    task: str
    classes: int
    shape: tuple[int, int, int]
    train: Split
    validation: Split
    test: Split
    mean: Tensor
    std: Tensor
    class_names: tuple[str, ...] = ()
    split_seed: int = 0

    def normalize(self, inputs: Tensor) -> Tensor:
        """Return inputs (B, C, H, W) uint8 as float32 with the training split's mean 0 and deviation 1 per channel."""
        return (inputs.float() - self.mean) / self.std

    def normalized_with(self, mean: Sequence[float], std: Sequence[float]) -> "Dataset":
        """Return the same dataset with inputs normalized as a network was trained to take them: one number per channel."""
        given = {"mean": mean, "std": std}
        return replace(
            self, **{key: torch.tensor(value, device=self.mean.device).view(1, -1, 1, 1) for key, value in given.items()}
        )

    def first(self, images: int | None, classes: Sequence[int] | None = None) -> "Dataset":
        """Return the same dataset with the first training images alone, of some classes alone; None keeps all."""
        train = self.train
        if classes is not None:
            chosen = torch.isin(train.labels, torch.tensor(list(classes), device=train.labels.device))
            train = Split(train.inputs[chosen], train.labels[chosen])
        return replace(self, train=Split(train.inputs[:images], train.labels[:images]))

    def to(self, device: str) -> "Dataset":
        """Return the same dataset on a device."""
        parts = {name: getattr(self, name).to(device) for name in ("train", "validation", "test", "mean", "std")}
        return replace(self, **parts)


def held_out(class_images: Sequence[int]) -> int:
    """Return how many training images `split` holds out for validation, given how many there are of each class."""
    share = min(VALIDATION_SHARE, VALIDATION_MOST / sum(class_images))
    return sum(round(count * share) for count in class_images)


def split(name: str, traits: dict, arrays: Arrays, *, train_images: int | None, split_seed: int) -> Dataset:
    """Return the dataset split for training, its validation part drawn from the published training part by class.

    A fifth of the training part, 5,000 images at most, is for validation; `train_images` then keeps that many of the rest.
    """
    labels = arrays.train_labels
    generator = torch.Generator().manual_seed(split_seed)
    order = torch.randperm(len(labels), generator=generator)
    share = min(VALIDATION_SHARE, VALIDATION_MOST / len(labels))
    held_out = torch.zeros(len(labels), dtype=torch.bool)
    for label in labels.unique():
        members = order[labels[order] == label]
        held_out[members[: round(len(members) * share)]] = True
    kept, validation = order[~held_out[order]], order[held_out[order]]
    kept = kept[:train_images] if train_images is not None else kept
    train = Split(arrays.train_inputs[kept], labels[kept])
    pixels = train.inputs.float()
    mean, std = pixels.mean((0, 2, 3), keepdim=True), pixels.std((0, 2, 3), keepdim=True).clamp_min(1.0)
    return Dataset(
        name=name,
        task=traits["task"],
        classes=traits["classes"],
        shape=traits["shape"],
        train=train,
        validation=Split(arrays.train_inputs[validation], labels[validation]),
        test=Split(arrays.test_inputs, arrays.test_labels),
        mean=mean,
        std=std,
        class_names=tuple(traits.get("class_names", ())),
        split_seed=split_seed,
    )
