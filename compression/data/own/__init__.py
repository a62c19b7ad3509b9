"""Own images: read from class folders, a zip or an npz within limits, decoded once, stored as whole arrays."""

from compression.data import DATASETS
from compression.data.own.stored import find

DATASETS.finds(find)
