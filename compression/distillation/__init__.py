"""Distillation losses: one file a loss."""

from compression.catalog import Registry

DISTILLATION = Registry("compression.distillation", "distillation loss")
