"""The kinds of quantized weights, by the name that a file's record has; a record without one is of an even grid."""

from compression.quantization.codebook import Codebook
from compression.quantization.even_grid import EvenGrid
from compression.quantization.quantized import Quantized
from compression.quantization.thresholds import Thresholds

KINDS: dict[str, type[Quantized]] = {kind.kind: kind for kind in (EvenGrid, Codebook, Thresholds)}
