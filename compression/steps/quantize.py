"""The quantization step."""

from typing import Annotated, Literal

from compression.catalog import Knob
from compression.quantization import QUANTIZATION
from compression.steps import STEPS
from compression.steps.state import State
from compression.texts import mark as _


@STEPS.register(title=_("Quantize"), source="Jacob et al. 2018, arXiv:1712.05877, section 2.1")
def quantize(
    state: State,
    *,
    method: Annotated[str, Knob(_("How levels are placed"), registry=QUANTIZATION)] = "uniform",
    bits: Annotated[int, Knob(_("How many bits a weight has"), low=1, high=16, step=1)] = 4,
    scheme: Annotated[
        Literal["symmetric", "asymmetric"],
        Knob(_("Symmetric grids are centred at zero; asymmetric ones reach from the smallest to the largest weight")),
    ] = "symmetric",
    group: Annotated[
        Literal["tensor", "channel"], Knob(_("One scale for the whole layer, or one for each output channel"))
    ] = "channel",
    clip: Annotated[
        Literal["mse", "minmax"],
        Knob(_("How far the grid reaches: to where the squared error is least, clipping outliers, or to the largest weight")),
    ] = "mse",
) -> None:
    """Rounds the weights of convolutions and linear layers to a few bits; biases and norms stay at full precision.

    Weights that are zero stay exactly zero; those that an earlier step rounded are rounded anew from what they were. The
    network computes with the rounded weights in full precision (simulated).

    Raises:
        DataError: weights that are not finite numbers.
    """
    weights = state.unrounded()
    function = QUANTIZATION[method].function
    quantized = {name: function(weight, bits=bits, scheme=scheme, group=group, clip=clip) for name, weight in weights.items()}
    state.latent |= {name: weight.clone() for name, weight in weights.items()}
    state.quantized |= quantized
    state.write({name: levels.dequantize() for name, levels in quantized.items()})
