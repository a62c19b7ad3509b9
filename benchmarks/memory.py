"""The memory that a run takes at most, against what its data and its networks take."""

import multiprocessing
import resource
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy

from benchmarks.figures import Figure, spread
from benchmarks.homes import fresh_home
from compression import networks
from compression.data.load import load_present
from compression.data.own.bring import bring
from compression.execute import Workspace, execute
from compression.settings import data_root
from compression.spec import parse

MEGABYTE = 1e6
ROUNDS = 3
FLOAT_BYTES, COPIES = 4, 4  # of each network: weights, gradients, momentum, and the file that is written of it


@dataclass(frozen=True)
class Sizes:
    """How many images there are, in the smaller and in the larger dataset, and how wide the hidden layers of networks are."""

    images: tuple[int, int] = (6_000, 30_000)
    hidden: int = 64


def measure(sizes: Sizes | None = None) -> Iterator[Figure]:
    """Yield by how much the memory of a run's process grows while it works, for two sizes of data, and per byte of data."""
    sizes = sizes or Sizes()
    measured = [_measured(count, sizes) for count in sizes.images]
    for count, (taken, data, nets) in zip(sizes.images, measured, strict=True):
        yield Figure(
            f"Memory of a run on {count:,} images in colour",
            f"{spread([rise / MEGABYTE for rise in taken], 'MB')} more than before it; data once {data / MEGABYTE:.0f} MB, "
            f"networks {nets / MEGABYTE:.0f} MB",
            "data once, networks, and a part that does not grow",
            f"peak of {ROUNDS} fresh processes; networks: weights, gradients, momentum and a copy",
        )
    (small, few, _nets), (large, many, _same) = measured
    growth = [(most - least) / (many - few) for most, least in zip(large, small, strict=True)]
    yield Figure("Memory for each byte more of data", spread(growth, "bytes", 2), "1", f"{sizes.images} images of 32x32x3")


def _measured(count: int, sizes: Sizes) -> tuple[list[int], int, int]:
    with fresh_home() as home:
        rng, path = numpy.random.default_rng(0), home / "images.npz"
        pictures, labels = rng.integers(0, 256, (count, 32, 32, 3), numpy.uint8), numpy.arange(count) % 10
        test = slice(0, count // 6)
        numpy.savez(path, x_train=pictures, y_train=labels, x_test=pictures[test][:, ::-1], y_test=labels[test])
        own = bring(path, "images").name
        taken = []
        for number in range(ROUNDS):
            with ProcessPoolExecutor(1, mp_context=multiprocessing.get_context("spawn")) as fresh:
                taken.append(fresh.submit(rise, _spec(own, sizes), home / f"run {number}").result())
        dataset = load_present({"name": own, "train_images": None, "split_seed": 0}, data_root())
        parts = (dataset.train, dataset.validation, dataset.test)
        data = sum(part.inputs.nbytes + part.labels.nbytes for part in parts)
        weights = sum(parameter.numel() for parameter in networks.build(_network(sizes), dataset, seed=0).parameters())
    return taken, data, 3 * COPIES * FLOAT_BYTES * weights


def rise(spec: dict[str, Any], folder: Path) -> int:
    """Return by how many bytes the most memory that this process has held grows while it executes a run."""
    before = _peak()
    for _event in execute(parse(spec), Workspace(folder, folder / "models", folder.parent)):
        pass
    return _peak() - before


def _peak() -> int:
    # Where there is one, Linux's own count: that of getrusage goes on from the process that started this one.
    status = Path("/proc/self/status")
    if status.exists():
        return 1024 * next(int(line.split()[1]) for line in status.read_text().splitlines() if line.startswith("VmHWM"))
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _network(sizes: Sizes) -> dict[str, Any]:
    return {"name": "mlp", "hidden": [sizes.hidden]}


def _spec(dataset: str, sizes: Sizes) -> dict[str, Any]:
    once = {"epochs": 1, "batch_size": 64}
    network = _network(sizes)
    return {
        "kind": "distill",
        "dataset": {"name": dataset},
        "teacher": network,
        "student": network,
        "seeds": [0],
        "train": once,
        "teacher_train": once,
        "transfer": {"images": None},
    }
