"""Steps of a compression pipeline: one file a step."""

from compression.catalog import Registry

STEPS = Registry("compression.steps", "step")
