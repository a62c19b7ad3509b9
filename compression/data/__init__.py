"""Datasets: one file a family."""

from compression.catalog import Registry

DATASETS = Registry("compression.data", "dataset")
