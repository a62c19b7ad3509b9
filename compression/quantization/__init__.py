"""Quantizers: one file a method; each turns one weight tensor into integer levels and the numbers that undo it."""

from compression.catalog import Registry

QUANTIZATION = Registry("compression.quantization", "quantizer")
