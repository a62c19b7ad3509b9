"""Random changes to images while a network trains: each is one of a few views, known by its number."""

import torch
from torch import Tensor
from torch.nn import functional

SHIFT_SHARE = 8


def reach(size: int) -> int:
    """Return by how many pixels an image of a size is moved at most: an eighth of it."""
    return max(1, size // SHIFT_SHARE)


def views(kind: str, size: int) -> int:
    """Return how many views there are of an image: every move in both directions, each mirrored or not."""
    moves = (2 * reach(size) + 1) ** 2 if "shift" in kind else 1
    return moves * (2 if "flip" in kind else 1)


def draw(count: int, kind: str, size: int, generator: torch.Generator) -> Tensor:
    """Return the numbers, int64 (count,), of views drawn at random."""
    mirrored = (torch.rand(count, generator=generator) < 0.5).long() if "flip" in kind else torch.zeros(count, dtype=torch.long)
    if "shift" not in kind:
        return mirrored
    span = 2 * reach(size) + 1
    rows, columns = torch.randint(0, span, (2, count), generator=generator)
    return (mirrored * span + rows) * span + columns


def apply(inputs: Tensor, kind: str, numbers: Tensor) -> Tensor:
    """Return each of the inputs (B, C, H, W) in the view of its number (B,); edges fill with zeros."""
    if "shift" not in kind:
        return _mirror(inputs, numbers) if "flip" in kind else inputs
    size = reach(inputs.shape[2])
    span = 2 * size + 1
    if "flip" in kind:
        inputs = _mirror(inputs, numbers // span**2)
    rows = (numbers // span % span)[:, None] + torch.arange(inputs.shape[2], device=inputs.device)
    columns = (numbers % span)[:, None] + torch.arange(inputs.shape[3], device=inputs.device)
    images = torch.arange(len(inputs), device=inputs.device)
    padded = functional.pad(inputs, (size,) * 4)
    return padded.permute(0, 2, 3, 1)[images[:, None, None], rows[:, :, None], columns[:, None, :]].permute(0, 3, 1, 2)


def _mirror(inputs: Tensor, mirrored: Tensor) -> Tensor:
    return torch.where(mirrored.bool()[:, None, None, None], inputs.flip(3), inputs)
