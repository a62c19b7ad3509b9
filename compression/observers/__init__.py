"""Observers: one file a method; each watches what a layer is given on calibration images, and chooses the grid for it."""

from compression.catalog import Registry

OBSERVERS = Registry("compression.observers", "observer")
