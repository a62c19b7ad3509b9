"""What a GPU gives the lab: the loop's speed, a teacher, runs that share it, the same numbers twice, too little memory.

Needs neither streamlit nor plotly, and less than eight minutes.
"""

import os
import tempfile
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from benchmarks import runs as following
from benchmarks import training_loop
from benchmarks.figures import Figure, spread
from compression import runs
from compression.data.load import load_present
from compression.errors import LabError
from compression.execute import Workspace, execute
from compression.export import weights
from compression.networks import build
from compression.recipe import RECIPE
from compression.runs.records import CANCELLED
from compression.runs.worker import sentence
from compression.settings import data_root
from compression.spec import parse
from compression.training import Epoch, train

REPEATS = 3
CIFAR = {"name": "cifar10", "train_images": None, "split_seed": 0}
ENOUGH, LONGEST_S = 0.94, 240.0
POLL_S = 0.005


@dataclass(frozen=True)
class Sizes:
    """How much is computed: what is worth a GPU, or little enough for a test of this file."""

    images: int = 8192
    depths: tuple[int, int] = (20, 56)
    batch_size: int = 128
    run: int = 200
    epochs: int = 20
    memory_share: float = 0.004


def measure() -> Iterator[Figure]:
    """Yield the figures of the first GPU; where there is none, say so."""
    if not torch.cuda.is_available():
        yield Figure("GPU", "not measured", "", "PyTorch finds no GPU here")
        return
    with tempfile.TemporaryDirectory() as home:
        os.environ.update(LAB_HOME=home, LAB_GPU_SLOTS="2", LAB_SUPERVISOR_IDLE_SECONDS="5")
        yield from figures("cuda:0", Sizes(), Path(home))


def figures(device: str, sizes: Sizes, home: Path) -> Iterator[Figure]:
    """Yield every figure for a device, with the runs of a home folder that the environment names."""
    student, teacher = ({"name": "resnet", "depth": depth, "width": 16} for depth in sizes.depths)
    photographs = training_loop.photographs(sizes.images).to(device)
    recipe = RECIPE.function(epochs=2, batch_size=sizes.batch_size, augment="shift_flip")
    name = f"{device}, 32x32x3, ResNet-{sizes.depths[0]} taught by ResNet-{sizes.depths[1]}"
    yield from training_loop.compare(name, photographs, student, teacher, recipe)
    yield from training_loop.compare_precisions(name, photographs, student, teacher, recipe)
    yield teacher_to_enough(device)
    yield from short_runs(device, sizes)
    yield same_numbers(device, sizes, home)
    yield too_little_memory(device, sizes)


def teacher_to_enough(device: str) -> Figure:
    """Train a ResNet-18 on CIFAR-10 until it is right often enough on validation images."""
    name = f"ResNet-18 on CIFAR-10 to {ENOUGH:.0%} of the validation images"
    try:
        data = load_present(CIFAR, data_root()).to(device)
    except LabError as error:
        return Figure(name, "not measured", "", str(error))
    model = build({"name": "resnet18"}, data, seed=0).to(device).to(memory_format=torch.channels_last)
    recipe = RECIPE.function(epochs=20, batch_size=512, lr=0.4, augment="shift_flip")
    began, best = time.perf_counter(), 0.0
    for event in train(model, data, recipe, seed=0):
        passed = time.perf_counter() - began
        if isinstance(event, Epoch):
            best = max(best, event.values["val_accuracy"])
        if best >= ENOUGH or passed > LONGEST_S:
            break
    reached = "reached" if best >= ENOUGH else "not reached"
    return Figure(name, f"{reached}: {best:.1%} after {passed:.0f} s", "", f"{recipe.epochs} epochs planned, one training")


def short_runs(device: str, sizes: Sizes) -> Iterator[Figure]:
    """Yield how soon a run starts and obeys, and what two gain by sharing the device."""
    spec = _spec(sizes, epochs=1)
    _follow(spec, device)
    timings = [_follow(spec, device) for _repeat in range(REPEATS)]
    how = f"{device}, median of {REPEATS}, warm supervisor"
    yield Figure("Submit to the first point", spread([1000 * pointed for pointed, _whole in timings], "ms"), "", how)
    yield Figure(
        "Cancel to cancelled", spread([1000 * _cancel(sizes, device) for _repeat in range(REPEATS)], "ms"), "under 1 s", how
    )
    gains = []
    for number in range(REPEATS):
        alone = sum(_follow(_spec(sizes, seed=10 * number + own), device)[1] for own in (0, 1))
        began = time.perf_counter()
        with ThreadPoolExecutor(2) as pool:
            list(pool.map(lambda own: _follow(_spec(sizes, seed=100 + own), device), (10 * number, 10 * number + 1)))
        gains.append(alone / (time.perf_counter() - began))
    yield Figure("Two runs at once, against one after the other", spread(gains, "x", 2), "above 1x", how)


def same_numbers(device: str, sizes: Sizes, home: Path) -> Figure:
    """Run one spec twice, from nothing, and compare the weights of all networks bit for bit."""
    found: list[list[dict[str, Tensor]]] = []
    for attempt in ("one", "other"):
        root = home / f"same-{attempt}"
        list(execute(_spec(sizes), Workspace(root / "runs" / "run", root / "models", root / "runs", device=device)))
        found.append([weights.load(path)[0] for path in sorted((root / "runs" / "run").glob("*.safetensors"))])
    same = sum(all(torch.equal(one[name], other[name]) for name in one) for one, other in zip(*found, strict=True))
    return Figure(
        "The same spec twice", f"the same weights in {same} of {len(found[0])} networks", "all", f"{device}, from nothing"
    )


def too_little_memory(device: str, sizes: Sizes) -> Figure:
    """Train where the device's memory does not do, and return what a person is told."""
    name = "Out of memory, as a sentence"
    if not device.startswith("cuda"):
        return Figure(name, "not measured", "", f"{device} has no memory of its own")
    torch.cuda.empty_cache()
    torch.cuda.set_per_process_memory_fraction(sizes.memory_share, device)
    try:
        data = training_loop.photographs(2048).to(device)
        model = build({"name": "resnet", "depth": 56, "width": 64}, data, seed=0).to(device)
        list(train(model, data, RECIPE.function(epochs=1, batch_size=2048), seed=0))
        told = "there was enough"
    except torch.OutOfMemoryError as error:
        told = sentence(error)
    finally:
        torch.cuda.set_per_process_memory_fraction(1.0, device)
    return Figure(name, told, "a sentence", f"ResNet-56, 64 filters, batches of 2,048 in {sizes.memory_share:.1%} of the memory")


def _spec(sizes: Sizes, *, epochs: int | None = None, seed: int = 0) -> Any:
    transfer, train_for = {"images": sizes.run}, {"epochs": epochs or sizes.epochs}
    return parse({"kind": "distill", "seeds": [seed], "transfer": transfer, "train": train_for, "teacher_train": {"epochs": 2}})


def _follow(spec: Any, device: str) -> tuple[float, float]:
    _running, pointed, whole, _answer = following.follow(spec, device)
    return pointed, whole


def _cancel(sizes: Sizes, device: str) -> float:
    store = runs.store()
    run_id = runs.submit(_spec(sizes, epochs=300), owner="benchmark", device=device)
    while not any(following.is_point(event) for event in store.events(run_id)):
        time.sleep(POLL_S)
    began = time.perf_counter()
    store.cancel(run_id)
    while store.run(run_id).state != CANCELLED:
        time.sleep(POLL_S)
    return time.perf_counter() - began
