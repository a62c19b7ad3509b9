"""Images of one dataset as a network takes them that was trained on another."""

import copy
from collections.abc import Sequence
from typing import Any

from torch import Tensor, nn
from torch.nn import functional

from compression.data.arrays import Dataset
from compression.texts import gettext as _

LUMA = (0.299, 0.587, 0.114)  # of red, green and blue: ITU-R BT.601, as grey images are made of colour elsewhere


def fitted(images: Tensor, shape: Sequence[int]) -> Tensor:
    """Return images (B, C, H, W), float, in a shape (C, H, W): in grey or in colour, then resized bilinearly.

    Grey is repeated in all channels; colour becomes its luma. Where images shrink, each pixel is a mean of those that it covers.
    """
    channels, height, width = shape
    if images.shape[1] == len(LUMA) and channels == 1:
        images = (images * images.new_tensor(LUMA).view(1, -1, 1, 1)).sum(1, keepdim=True)
    elif images.shape[1] != channels:
        images = images.expand(-1, channels, -1, -1)
    if images.shape[2:] == (height, width):
        return images
    return functional.interpolate(images, size=(height, width), mode="bilinear", antialias=True)


def adapted(model: nn.Module, own: Dataset) -> nn.Module:
    """Return a copy of a network that takes pixels from 0 to 255 of any shape, float, as its own dataset's images.

    Args:
        own: what it was trained on, normalized as it takes its inputs.
    """
    model = copy.deepcopy(model)
    # A hook, since a module around the network would hide its layers from those who look for stages.
    model.register_forward_pre_hook(lambda _model, inputs: (own.normalize(fitted(inputs[0], own.shape)),))
    return model


def as_pixels(dataset: Dataset) -> Dataset:
    """Return a dataset whose normalized inputs are its pixels, from 0 to 255."""
    channels = dataset.shape[0]
    return dataset.normalized_with([0.0] * channels, [1.0] * channels)


def told(given: Sequence[int], taken: Sequence[int], names: Any) -> str:
    """Return what becomes of images of one shape (C, H, W) for a network that takes another, in words.

    Args:
        names: what the datasets are called, the images' and the network's.
    """
    steps = []
    if given[0] != taken[0]:
        steps.append(_("made grey") if taken[0] == 1 else _("repeated in three channels"))
    if tuple(given[1:]) != tuple(taken[1:]):
        sizes = {"own": f"{given[2]}×{given[1]}", "other": f"{taken[2]}×{taken[1]}"}
        steps.append(_("resized from {own} to {other} pixels, bilinearly").format(**sizes))
    steps.append(_("normalized as the images of {other}").format(other=names[1]))
    sentence = _("The teacher, trained on {other}, is shown the images of {own} {steps}.")
    return sentence.format(own=names[0], other=names[1], steps=", ".join(steps))
