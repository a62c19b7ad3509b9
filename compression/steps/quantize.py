"""The quantization step."""

from typing import Annotated, Any

from compression.catalog import Knob
from compression.quantization import QUANTIZATION
from compression.steps import STEPS
from compression.steps.state import State
from compression.texts import mark as _


@STEPS.register(title=_("Quantize"), source="Jacob et al. 2018, arXiv:1712.05877, section 2.1")
def quantize(
    state: State,
    *,
    method: Annotated[str, Knob(_("How levels are placed"), registry=QUANTIZATION, beside=True)] = "uniform",
    bits: Annotated[int, Knob(_("How many bits a weight has"), low=1, high=16, step=1)] = 4,
    **knobs: Any,
) -> None:
    """Rounds the weights of convolutions and linear layers to a few bits; biases and norms stay at full precision.

    Weights that are zero stay exactly zero; those that an earlier step rounded are rounded anew from what they were. The
    network computes with the rounded weights in full precision (simulated).

    Args:
        knobs: the method's own.

    Raises:
        DataError: weights that are not finite numbers.
    """
    weights = state.unrounded()
    function = QUANTIZATION[method].function
    quantized = {name: function(weight, bits=bits, **knobs) for name, weight in weights.items()}
    state.latent |= {name: weight.clone() for name, weight in weights.items()}
    state.quantized |= quantized
    state.write({name: levels.dequantize() for name, levels in quantized.items()})
