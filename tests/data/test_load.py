"""Datasets: splits that do not overlap, files found where they lie, and a sentence for every way they can be missing."""

import gzip
import hashlib
import os
import socket
from pathlib import Path

import numpy
import pytest
import torch
import torchvision
from sklearn.datasets import load_digits

from compression.catalog import Entry
from compression.data import DATASETS, digits
from compression.data.arrays import Arrays, split
from compression.data.load import load, load_present, most_train_images
from compression.errors import DataError

DIGITS = {"name": "digits", "train_images": None, "split_seed": 0}
SHARED = Path(__file__).resolve().parents[3] / "shared" / "data" / "mnist"


def drain(loading):
    said = []
    while True:
        try:
            said.append(next(loading))
        except StopIteration as end:
            return end.value, said


def idx(values: torch.Tensor) -> bytes:
    """The format of MNIST's files (LeCun): magic 0x08, number of dimensions, sizes, bytes."""
    head = bytes([0, 0, 8, values.ndim]) + b"".join(size.to_bytes(4, "big") for size in values.shape)
    return head + values.numpy().tobytes()


def write_mnist(root: Path, train: int = 60_000, test: int = 10) -> None:
    raw = root / "MNIST" / "raw"
    raw.mkdir(parents=True)
    for name, count in (("train", train), ("t10k", test)):
        labels = torch.arange(count, dtype=torch.int64).remainder(10).to(torch.uint8)
        images = labels[:, None, None].expand(count, 28, 28).contiguous()
        (raw / f"{name}-images-idx3-ubyte").write_bytes(idx(images))
        (raw / f"{name}-labels-idx1-ubyte").write_bytes(idx(labels))


@pytest.mark.parametrize("file", [digits.FILE, "datasets/data/moved.csv.gz"])
def test_digits_are_those_of_scikit_learn(monkeypatch: pytest.MonkeyPatch, file: str) -> None:
    monkeypatch.setattr(digits, "FILE", file)
    read, published = digits._read(), load_digits(return_X_y=True)
    assert all(numpy.array_equal(*pair) for pair in zip(read, published, strict=True))


def test_digits_are_split_and_normalized() -> None:
    dataset = load_present(DIGITS, Path("nowhere"))
    assert (len(dataset.train), len(dataset.validation), len(dataset.test)) == (1038, 259, 500)
    parts = torch.cat([part.inputs for part in (dataset.train, dataset.validation, dataset.test)])
    images, _labels = load_digits(return_X_y=True)
    assert float(parts.double().sum()) == pytest.approx(images.sum() * 255 / 16, rel=1e-3)
    normalized = dataset.normalize(dataset.train.inputs)
    assert float(normalized.mean()) == pytest.approx(0, abs=1e-4)
    assert float(normalized.std()) == pytest.approx(1, abs=1e-3)


def toy_arrays() -> Arrays:
    inputs = torch.arange(1000).reshape(1000, 1, 1, 1).expand(1000, 1, 2, 2)
    return Arrays(inputs.contiguous(), torch.arange(1000) % 4, inputs[:7].contiguous(), torch.zeros(7, dtype=torch.int64))


TRAITS = {"task": "classification", "classes": 4, "shape": (1, 2, 2)}


@pytest.mark.parametrize("train_images", [None, 60])
@pytest.mark.parametrize("seed", [0, 1])
def test_splits_are_disjoint_stratified_and_repeatable(train_images, seed):
    first, again = (split("toy", TRAITS, toy_arrays(), train_images=train_images, split_seed=seed) for _ in range(2))
    train, validation = ({int(image[0, 0, 0]) for image in part.inputs} for part in (first.train, first.validation))
    assert not train & validation
    assert len(train) == (train_images or 800)
    assert first.validation.labels.bincount().tolist() == [50] * 4
    assert torch.equal(first.train.inputs, again.train.inputs)
    assert torch.equal(first.train.labels, first.train.inputs[:, 0, 0, 0] % 4)


def test_the_seed_changes_the_split_and_a_subset_keeps_the_validation_part():
    def parts(seed, images=None):
        return split("toy", TRAITS, toy_arrays(), train_images=images, split_seed=seed)

    assert not torch.equal(parts(0).validation.inputs, parts(1).validation.inputs)
    assert torch.equal(parts(0).validation.inputs, parts(0, 60).validation.inputs)


@pytest.mark.parametrize("entry", DATASETS.values(), ids=lambda entry: entry.name)
def test_every_dataset_is_declared_in_full(entry: Entry):
    assert entry.title
    assert entry.source
    assert entry.traits["task"] == "classification"
    assert len(entry.traits["shape"]) == 3
    assert 0 < most_train_images(entry) < entry.traits["images"]


def test_data_that_lies_under_the_root_is_used(tmp_path):
    write_mnist(tmp_path)
    dataset, said = drain(load({"name": "mnist", "train_images": 100, "split_seed": 0}, tmp_path))
    assert said == []
    assert len(dataset.train) == 100
    assert len(dataset.test) == 10
    assert torch.equal(dataset.test.inputs[:, 0, 0, 0].long(), dataset.test.labels)


def test_a_truncated_file_is_a_sentence_that_names_the_folder(tmp_path):
    write_mnist(tmp_path)
    file = tmp_path / "MNIST" / "raw" / "train-images-idx3-ubyte"
    os.truncate(file, 1000)
    for read in (lambda choice: load_present(choice, tmp_path), lambda choice: drain(load(choice, tmp_path))):
        with pytest.raises(DataError, match="incomplete or corrupt") as caught:
            read({"name": "mnist", "train_images": None, "split_seed": 0})
        assert str(tmp_path / "MNIST") in str(caught.value)


@pytest.mark.parametrize("part", ["train", "t10k"])
def test_a_label_of_no_class_is_noticed(tmp_path, part):
    write_mnist(tmp_path)
    file = tmp_path / "MNIST" / "raw" / f"{part}-labels-idx1-ubyte"
    raw = bytearray(file.read_bytes())
    raw[-1] = 10
    file.write_bytes(raw)
    with pytest.raises(DataError, match="incomplete or corrupt"):
        load_present({"name": "mnist", "train_images": None, "split_seed": 0}, tmp_path)


def test_files_are_compared_with_the_archives_that_lie_beside_them(tmp_path, monkeypatch):
    write_mnist(tmp_path)
    choice = {"name": "mnist", "train_images": 100, "split_seed": 0}
    labels = tmp_path / "MNIST" / "raw" / "train-labels-idx1-ubyte"
    packed = gzip.compress(labels.read_bytes())
    labels.with_name(f"{labels.name}.gz").write_bytes(packed)
    with pytest.raises(DataError, match="incomplete or corrupt"):  # not the published archive
        load_present(choice, tmp_path)
    resources = [(f"{labels.name}.gz", hashlib.md5(packed).hexdigest())]
    resources += [entry for entry in torchvision.datasets.MNIST.resources if entry[0] != resources[0][0]]
    monkeypatch.setattr(torchvision.datasets.MNIST, "resources", resources)
    assert len(load_present(choice, tmp_path).train) == 100
    raw = bytearray(labels.read_bytes())
    raw[-2], raw[-1] = raw[-1], raw[-2]  # both are labels, of the wrong images
    labels.write_bytes(raw)
    with pytest.raises(DataError, match="incomplete or corrupt"):
        load_present(choice, tmp_path)


def test_images_of_another_shape_are_noticed(tmp_path):
    write_mnist(tmp_path)
    file = tmp_path / "MNIST" / "raw" / "t10k-images-idx3-ubyte"
    file.write_bytes(idx(torch.zeros(10, 14, 56, dtype=torch.uint8)))
    with pytest.raises(DataError, match="incomplete or corrupt"):
        load_present({"name": "mnist", "train_images": None, "split_seed": 0}, tmp_path)


def test_too_few_images_are_noticed(tmp_path):
    write_mnist(tmp_path, train=500)
    with pytest.raises(DataError, match="incomplete"):
        load_present({"name": "mnist", "train_images": None, "split_seed": 0}, tmp_path)


def refuse_network(monkeypatch):
    def refuse(*_arguments, **_options):
        raise OSError("network is unreachable")

    monkeypatch.setattr(socket, "getaddrinfo", refuse)
    monkeypatch.setattr(socket.socket, "connect", refuse)


@pytest.mark.parametrize("name", ["mnist", "fashion_mnist", "cifar10", "cifar100"])
def test_no_data_and_no_network_is_a_sentence_after_visible_progress(tmp_path, monkeypatch, name):
    refuse_network(monkeypatch)
    said = []
    loading = load({"name": name, "train_images": None, "split_seed": 0}, tmp_path)
    with pytest.raises(DataError, match="could not be downloaded"):
        said.extend(loading)
    assert said
    assert all("MB" in line for line in said)


def test_half_downloaded_data_without_network_is_called_incomplete(tmp_path, monkeypatch):
    refuse_network(monkeypatch)
    write_mnist(tmp_path)
    (tmp_path / "MNIST" / "raw" / "t10k-labels-idx1-ubyte").unlink()
    with pytest.raises(DataError, match="incomplete or corrupt"):
        drain(load({"name": "mnist", "train_images": None, "split_seed": 0}, tmp_path))


def test_a_page_never_downloads(tmp_path):
    with pytest.raises(DataError, match="not downloaded yet"):
        load_present({"name": "cifar10", "train_images": None, "split_seed": 0}, tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.skipif(not SHARED.exists(), reason="the real MNIST files are not on this machine")
def test_the_real_mnist():
    dataset = load_present({"name": "mnist", "train_images": None, "split_seed": 0}, SHARED)
    assert dataset.test.labels.bincount().tolist() == [980, 1135, 1032, 1010, 982, 892, 958, 1028, 974, 1009]
    assert float(dataset.train.inputs.float().mean() / 255) == pytest.approx(0.1307, abs=0.001)
