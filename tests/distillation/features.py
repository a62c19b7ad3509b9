"""What the tests of losses on feature maps share: maps to give them."""

import torch

from compression.distillation import Batch, Seen

NO_BATCH = Batch(torch.empty(0), torch.empty(0), torch.empty(0), step=0)


def maps(*shapes: tuple[int, ...], seed: int) -> Seen:
    """Return random feature maps of given shapes (B, C, H, W), double precision."""
    generator = torch.Generator().manual_seed(seed)
    return Seen(torch.empty(0), tuple(torch.randn(*shape, generator=generator, dtype=torch.float64) for shape in shapes))


def halved(image: torch.Tensor) -> torch.Tensor:
    """Return an image (H, W) with each two by two pixels averaged."""
    return (image[::2, ::2] + image[1::2, ::2] + image[::2, 1::2] + image[1::2, 1::2]) / 4
