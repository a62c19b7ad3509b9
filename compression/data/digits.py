"""The handwritten digits that come with scikit-learn."""

import gzip
import importlib.util
from pathlib import Path

import numpy
import torch

from compression.data import DATASETS
from compression.data.arrays import Arrays
from compression.texts import mark as _

TEST_IMAGES = 500
BRIGHTEST = 16
FILE = "datasets/data/digits.csv.gz"


@DATASETS.register(
    title=_("Digits (8×8)"),
    source="Alpaydin & Kaynak 1998, UCI; the 1,797 images of sklearn.datasets.load_digits",
    task="classification",
    shape=(1, 8, 8),
    classes=10,
    images=1_297,
    test_images=TEST_IMAGES,
    transfer_images=200,
    class_names=tuple("0123456789"),
    folder="",
    megabytes=0,
    recipe={"epochs": 60, "batch_size": 64, "lr": 0.1, "augment": "shift"},
)
def digits(root: Path, download: bool = False) -> Arrays:
    """Handwritten digits of 8x8 pixels: 1,797 grey images, 500 of them kept for the test."""
    images, labels = _read()
    pixels = torch.from_numpy((images.reshape(-1, 1, 8, 8) * (255 / BRIGHTEST)).round().astype(numpy.uint8))
    targets = torch.from_numpy(labels.astype(numpy.int64))
    order = torch.from_numpy(numpy.random.default_rng(0).permutation(len(targets)))
    test, train = order[:TEST_IMAGES], order[TEST_IMAGES:]
    return Arrays(pixels[train], targets[train], pixels[test], targets[test])


def _read() -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return images (N, 64) and labels (N,) as `sklearn.datasets.load_digits` does, whose import takes a second."""
    package = importlib.util.find_spec("sklearn")
    file = Path(package.origin).parent / FILE if package and package.origin else None
    if file is None or not file.is_file():
        from sklearn.datasets import load_digits

        return load_digits(return_X_y=True)
    with gzip.open(file, "rt") as rows:
        table = numpy.loadtxt(rows, delimiter=",")
    return table[:, :-1], table[:, -1]
