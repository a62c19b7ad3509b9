"""Targets: when a step with a schedule stops before its end; one file a target."""

from compression.catalog import Registry

TARGETS = Registry("compression.targets", "target")
