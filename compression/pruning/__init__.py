"""Pruning criteria: one file a criterion; each scores the weights of one layer, and the highest scores are kept."""

from compression.catalog import Registry

PRUNING = Registry("compression.pruning", "pruning criterion")
