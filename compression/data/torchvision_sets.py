"""MNIST, Fashion-MNIST, CIFAR-10 and CIFAR-100 as torchvision reads and downloads them."""

import hashlib
import zlib
from collections.abc import Iterable
from pathlib import Path

import torch

from compression.data import DATASETS
from compression.data.arrays import Arrays
from compression.texts import mark as _

FASHION = ("T-shirt/top", "Trouser", "Pullover", "Dress", "Coat", "Sandal", "Shirt", "Sneaker", "Bag", "Ankle boot")
CIFAR10 = ("airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck")
CIFAR100 = """
apple aquarium_fish baby bear beaver bed bee beetle bicycle bottle bowl boy bridge bus butterfly camel can castle
caterpillar cattle chair chimpanzee clock cloud cockroach couch crab crocodile cup dinosaur dolphin elephant flatfish
forest fox girl hamster house kangaroo keyboard lamp lawn_mower leopard lion lizard lobster man maple_tree motorcycle
mountain mouse mushroom oak_tree orange orchid otter palm_tree pear pickup_truck pine_tree plain plate poppy porcupine
possum rabbit raccoon ray road rocket rose sea seal shark shrew skunk skyscraper snail snake spider squirrel streetcar
sunflower sweet_pepper table tank telephone television tiger tractor train trout tulip turtle wardrobe whale willow_tree
wolf woman worm
"""


def _arrays(name: str, root: Path, download: bool) -> Arrays:
    """Return the arrays of a dataset of torchvision, which itself compares CIFAR's files with their checksums.

    Raises:
        RuntimeError: files are absent, or are not those that were published.
    """
    import torchvision

    kind, parts = getattr(torchvision.datasets, name), []
    for train in (True, False):
        published = kind(root=str(root), train=train, download=download)
        if train and issubclass(kind, torchvision.datasets.MNIST):
            _compare_with_archives(Path(published.raw_folder), published.resources)
        pixels = torch.as_tensor(published.data)
        pixels = pixels[:, None] if pixels.ndim == 3 else pixels.permute(0, 3, 1, 2).contiguous()
        parts += [pixels, torch.as_tensor(published.targets, dtype=torch.int64)]
    return Arrays(*parts)


def _compare_with_archives(folder: Path, published: Iterable[tuple[str, str]]) -> None:
    """Compare MNIST's files with the archives that they were unpacked from, where these lie beside them.

    The source publishes checksums of the archives, and an archive ends with the checksum of what is in it.
    """
    for name, checksum in published:
        archive = folder / name
        if not archive.is_file():
            continue
        packed = archive.read_bytes()
        if hashlib.md5(packed, usedforsecurity=False).hexdigest() != checksum:
            raise RuntimeError(f"{name} is not the archive that was published")
        if zlib.crc32(archive.with_suffix("").read_bytes()) != int.from_bytes(packed[-8:-4], "little"):
            raise RuntimeError(f"{archive.stem} is not what {name} holds")


@DATASETS.register(
    title=_("MNIST"),
    source="LeCun, Cortes & Burges 1998; torchvision.datasets.MNIST",
    task="classification",
    library="torchvision",
    shape=(1, 28, 28),
    classes=10,
    images=60_000,
    test_images=10_000,
    transfer_images=1_000,
    class_names=tuple("0123456789"),
    folder="MNIST",
    megabytes=12,
    recipe={"epochs": 10, "batch_size": 128, "lr": 0.1, "augment": "shift"},
)
def mnist(root: Path, download: bool = False) -> Arrays:
    """Handwritten digits of 28x28 pixels: 60,000 grey images and 10,000 for the test."""
    return _arrays("MNIST", root, download)


@DATASETS.register(
    title=_("Fashion-MNIST"),
    source="Xiao, Rasul & Vollgraf 2017, arXiv:1708.07747; torchvision.datasets.FashionMNIST",
    task="classification",
    library="torchvision",
    shape=(1, 28, 28),
    classes=10,
    images=60_000,
    test_images=10_000,
    transfer_images=2_000,
    class_names=FASHION,
    folder="FashionMNIST",
    megabytes=31,
    recipe={"epochs": 15, "batch_size": 128, "lr": 0.1, "augment": "flip"},
)
def fashion_mnist(root: Path, download: bool = False) -> Arrays:
    """Pieces of clothing of 28x28 pixels: 60,000 grey images and 10,000 for the test."""
    return _arrays("FashionMNIST", root, download)


@DATASETS.register(
    title=_("CIFAR-10"),
    source="Krizhevsky 2009; torchvision.datasets.CIFAR10",
    task="classification",
    library="torchvision",
    shape=(3, 32, 32),
    classes=10,
    images=50_000,
    test_images=10_000,
    transfer_images=2_000,
    class_names=CIFAR10,
    folder="cifar-10-batches-py",
    megabytes=170,
    recipe={"epochs": 30, "batch_size": 128, "lr": 0.1, "augment": "shift_flip"},
)
def cifar10(root: Path, download: bool = False) -> Arrays:
    """Photographs of 32x32 pixels in ten classes: 50,000 colour images and 10,000 for the test."""
    return _arrays("CIFAR10", root, download)


@DATASETS.register(
    title=_("CIFAR-100"),
    source="Krizhevsky 2009; torchvision.datasets.CIFAR100",
    task="classification",
    library="torchvision",
    shape=(3, 32, 32),
    classes=100,
    images=50_000,
    test_images=10_000,
    transfer_images=5_000,
    class_names=tuple(CIFAR100.split()),
    folder="cifar-100-python",
    megabytes=169,
    recipe={"epochs": 60, "batch_size": 128, "lr": 0.1, "augment": "shift_flip"},
)
def cifar100(root: Path, download: bool = False) -> Arrays:
    """Photographs of 32x32 pixels in a hundred classes: 50,000 colour images and 10,000 for the test."""
    return _arrays("CIFAR100", root, download)
