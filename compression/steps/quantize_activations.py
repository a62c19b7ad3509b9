"""The step that quantizes what layers are given."""

from collections.abc import Callable, Mapping
from typing import Annotated, Any

import torch
from torch import Tensor, nn

from compression.catalog import Knob
from compression.errors import DataError
from compression.evaluation import evaluating
from compression.observers import OBSERVERS
from compression.observers.fake_quantize import set_activation_grids
from compression.observers.observer import FEWEST_BITS, MOST_BITS, Observer
from compression.pruning.layer_facts import MOST_IMAGES
from compression.steps import STEPS
from compression.steps.channels import COMPRESSIBLE
from compression.steps.state import State
from compression.texts import gettext
from compression.texts import mark as _

BATCH = 32


@STEPS.register(title=_("Quantize activations"), source="Jacob et al. 2018, arXiv:1712.05877, sections 2.1 and 3.1")
def quantize_activations(
    state: State,
    *,
    activation_bits: Annotated[
        int, Knob(_("How many bits each input of a layer has"), low=FEWEST_BITS, high=MOST_BITS, step=1, unit="bits")
    ] = 8,
    calibration_images: Annotated[
        int,
        Knob(
            _("The first training images, or all where there are fewer: from them each layer's range is chosen"),
            low=32,
            high=MOST_IMAGES,
            step=32,
            unit="images",
        ),
    ] = 256,
    observer: Annotated[str | dict, Knob(_("How the range is chosen"), registry=OBSERVERS)] = "minmax",
) -> None:
    """Rounds what convolutions and linear layers are given to a few bits, on grids that calibration images choose.

    One scale and zero point a layer; zero stays exactly zero. They are chosen once, in evaluation mode, and stay fixed while
    the network is trained on: there the gradient passes the rounding unchanged, and stops where an input is clipped. The network
    computes with the rounded inputs in full precision (simulated).

    Raises:
        DataError: there are no training images, or inputs that are not finite numbers.
    """
    if state.data is None or not len(state.data.train):
        raise DataError(gettext("Quantizing activations needs training images to calibrate with, and there are none here."))
    batches = [state.data.normalize(batch) for batch in state.data.train.inputs[:calibration_images].split(BATCH)]
    observers = observe(state.model, batches, OBSERVERS.bind(observer))
    set_activation_grids(state.model, {name: watch.grid(activation_bits) for name, watch in observers.items()})


def observe(model: nn.Module, batches: list[Tensor], observer: Callable[[], Observer]) -> Mapping[str, Observer]:
    """Return for each convolution and linear layer that computes, by name, an observer that has seen its inputs.

    The network answers the batches in evaluation mode, its inputs not rounded, whatever they were before.

    Raises:
        DataError: inputs that are not finite numbers.
    """
    set_activation_grids(model, {})
    watches: dict[str, Observer] = {}

    def watch(name: str) -> Callable[..., Any]:
        def see(_layer: nn.Module, given: tuple[Tensor, ...]) -> None:
            if not torch.isfinite(given[0]).all():
                sentence = gettext("The inputs of {layer} are not all finite numbers, so they cannot be quantized.")
                raise DataError(sentence.format(layer=name))
            watches.setdefault(name, observer()).see(given[0])

        return see

    layers = {name: module for name, module in model.named_modules() if isinstance(module, COMPRESSIBLE)}
    hooks = [layer.register_forward_pre_hook(watch(name)) for name, layer in layers.items()]
    try:
        with evaluating(model), torch.inference_mode():
            for batch in batches:
                model(batch)
    finally:
        for hook in hooks:
            hook.remove()
    return watches
