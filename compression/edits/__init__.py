"""Edits of a network's structure: one file an edit; a file's facts list them in order, so that the network is built again."""

from compression.catalog import Registry

EDITS = Registry("compression.edits", "edit")
