"""Distillation against what a person would write or do: a tutorial's loop, runs one after another, and the memory of a run.

On two cores that do nothing else it takes less than eight minutes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import numpy
import torch
import torch.utils.data
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader
from torchvision import transforms

from benchmarks import memory, sweeps
from benchmarks.figures import Figure, alternate, ratios, spread
from benchmarks.homes import fresh_home
from benchmarks.training_loop import photographs, train_in_lab, train_plainly
from compression import networks, settings
from compression.data.arrays import Dataset, Split
from compression.data.load import load_present
from compression.data.own.bring import bring
from compression.errors import DataError
from compression.evaluation import evaluate, score
from compression.measure.macs import macs
from compression.precision import BFLOAT16, FLOAT32
from compression.recipe import RECIPE, Recipe
from compression.training import train


@dataclass(frozen=True)
class Sizes:
    """How much the two loops compute: as much as fits into minutes, or little enough for a test of this file."""

    images: int = 1280
    validation: int = 200
    test: int = 1000
    batch_size: int = 64
    teacher_epochs: int = 3
    epochs: int = 2
    depths: tuple[int, int] = (20, 56)
    width: int = 16
    rounds: int = 3
    workers: int = 2
    target: str = "3x on two cores"


ON_A_GPU = Sizes(images=6400, validation=1000, batch_size=128, teacher_epochs=10, epochs=5, rounds=5, target="10x on a GPU")


def measure(images: Path | None = None) -> Iterator[Figure]:
    """Yield the figures of the loop, of a sweep and of memory.

    Args:
        images: own images, such as CIFAR-10 in class folders, to train on where CIFAR-10 itself is not there.
    """
    yield from loops(images)
    yield from sweeps.measure()
    yield from memory.measure()


def loops(images: Path | None) -> Iterator[Figure]:
    """Yield how many times as fast the lab's loop is as a tutorial's, on the first GPU where there is one."""
    device, sizes = ("cuda:0", ON_A_GPU) if torch.cuda.is_available() else ("cpu", Sizes())
    # Both loops have all cores: a run of the lab leaves one to the pages unless LAB_THREADS says otherwise.
    before = torch.get_num_threads()
    torch.set_num_threads(settings.cores())
    try:
        dataset, what = colour_images(images, sizes)
        yield from compare(dataset.to(device), what, sizes)
    finally:
        torch.set_num_threads(before)


def colour_images(path: Path | None, sizes: Sizes) -> tuple[Dataset, str]:
    """Return CIFAR-10 where it is there, else the images at a path, else random ones, and what they are."""
    try:
        whole, what = load_present({"name": "cifar10", "train_images": None, "split_seed": 0}, settings.data_root()), "CIFAR-10"
    except DataError:
        if path is None:
            return photographs(sizes.images), "random images, for speed alone: accuracies mean nothing"
        with fresh_home():
            own = bring(path, path.stem, size=32, colour="colour")
            whole, what = load_present({"name": own.name, "train_images": None, "split_seed": 0}, settings.data_root()), path.stem
    validation, test = _some(whole.validation, sizes.validation), _some(whole.test, sizes.test)
    return replace(whole.first(sizes.images), validation=validation, test=test), what


def _some(part: Split, count: int) -> Split:
    # Test images of own datasets lie class by class.
    chosen = torch.randperm(len(part), generator=torch.Generator().manual_seed(0))[:count]
    return Split(part.inputs[chosen], part.labels[chosen])


def compare(dataset: Dataset, what: str, sizes: Sizes) -> Iterator[Figure]:
    """Yield the speed of the lab's loop against the tutorial's and the accuracy of both, for each way of the lab."""
    device = dataset.train.labels.device
    recipe = RECIPE.function(epochs=sizes.epochs, batch_size=sizes.batch_size, schedule="constant", augment="shift_flip")
    student, teacher = ({"name": "resnet", "depth": depth, "width": sizes.width} for depth in sizes.depths)
    taught_by = networks.build(teacher, dataset, seed=1).to(device).to(memory_format=torch.channels_last)
    for _event in train(taught_by, dataset, replace(recipe, epochs=sizes.teacher_epochs, schedule="onecycle"), seed=1):
        pass
    taught_by = taught_by.to(memory_format=torch.contiguous_format).eval()
    right = float(score(taught_by, dataset)[0].float().mean())
    yield Figure("Teacher of both loops", f"{right:.1%} of the test images", "", f"ResNet-{sizes.depths[1]}, {what}")
    for name, choice in ways(recipe, device).items():
        yield from _compare(name, Loops(dataset, sizes, student, taught_by), recipe, choice, what)


def ways(recipe: Recipe, device: torch.device) -> dict[str, Recipe]:
    """Return the recipes that the lab offers for what the tutorial's loop does, by what tells them apart."""
    fast = replace(recipe, precision=BFLOAT16 if device.type == "cuda" else FLOAT32)
    as_they_are = replace(fast, augment="none")
    return {
        f"cropped and mirrored too, {fast.precision}": fast,
        f"images as they are, {fast.precision}, the teacher asked once": as_they_are,
    }


def _compare(name: str, both: "Loops", recipe: Recipe, ours: Recipe, what: str) -> Iterator[Figure]:
    sizes, dataset, found = both.sizes, both.dataset, ([], [])
    plainly, in_lab = both.plain(recipe, found[0]), both.ours(ours, found[1])
    plain, quick = alternate(plainly, in_lab, rounds=sizes.rounds)
    images = sizes.epochs * (len(dataset.train) // recipe.batch_size) * recipe.batch_size
    where = f"{dataset.train.labels.device}, {torch.get_num_threads()} thread(s)"
    networks_named = f"ResNet-{sizes.depths[0]} taught by ResNet-{sizes.depths[1]}"
    rates = [spread([images / seconds for seconds in taken], "images/s") for taken in (quick, plain)]
    yield Figure(
        f"The lab's loop against a tutorial's ({name})",
        f"{spread(ratios(plain, quick), 'x', 2)}; {rates[0]}, tutorial {rates[1]}",
        sizes.target,
        f"{networks_named}, {what}, {where}, {sizes.rounds} rounds in turn, {images} images each, validation included; tutorial: "
        f"DataLoader with {sizes.workers} workers, torchvision's crop and flip, teacher at each step, float32, NCHW, .item()",
    )
    shares = [[100 * float(score(model, dataset)[0].float().mean()) for model in models] for models in found]
    differences = [own - other for own, other in zip(shares[1], shares[0], strict=True)]
    yield Figure(
        f"Accuracy of its students ({name})",
        f"lab {spread(shares[1], '%', 1)}, tutorial {spread(shares[0], '%', 1)}, differences {spread(differences, 'points', 1)}",
        "the same",
        f"{len(dataset.test)} test images, {what}; the same starts, data, teacher and number of steps in both",
    )
    yield Figure(f"Work of its steps ({name})", _work(both, ours), "", "multiplications of an image, by torch's formulas")


def _work(both: "Loops", ours: Recipe) -> str:
    student, teacher = (macs(model, both.dataset.shape) for model in (both.student_of(0), both.teacher))
    asked = 1 if ours.augment != "none" else 1 / ours.epochs
    plain, quick = 3 * student + teacher, 3 * student + asked * teacher
    return f"{plain / quick:.2f}x fewer multiplications, {quick / 1e6:.0f} against {plain / 1e6:.0f} million"


@dataclass(frozen=True)
class Loops:
    """The two loops; the nth student of either begins with the same weights."""

    dataset: Dataset
    sizes: Sizes
    student: dict[str, object]
    teacher: nn.Module

    def student_of(self, seed: int) -> nn.Module:
        """Return the student of a seed before training, on the dataset's device."""
        return networks.build(self.student, self.dataset, seed=seed).to(self.dataset.train.labels.device)

    def ours(self, recipe: Recipe, found: list[nn.Module]) -> Callable[[], None]:
        """Return the lab's loop, which adds its student to those found."""

        def run() -> None:
            found.append(self.student_of(len(found)))
            train_in_lab(found[-1], self.dataset, recipe, self.teacher)

        return run

    def plain(self, recipe: Recipe, found: list[nn.Module]) -> Callable[[], None]:
        """Return the tutorial's loop, which adds its student to those found."""
        device = self.dataset.train.labels.device
        loader = DataLoader(
            Pictures(self.dataset), recipe.batch_size, shuffle=True, drop_last=True, num_workers=self.sizes.workers
        )

        def batches() -> Iterator[tuple[Tensor, Tensor]]:
            yield from ((images.to(device), labels.to(device)) for images, labels in loader)

        def run() -> None:
            found.append(model := self.student_of(len(found)))
            train_plainly(model, batches, recipe, self.teacher, lambda: evaluate(model, self.dataset))

        return run


class Pictures(torch.utils.data.Dataset[tuple[Tensor, int]]):
    """The training images as tutorials read them: pictures, cropped and mirrored one by one."""

    def __init__(self, dataset: Dataset) -> None:
        inputs = numpy.ascontiguousarray(dataset.train.inputs.cpu().permute(0, 2, 3, 1).numpy())
        self.pictures, self.labels = [Image.fromarray(picture) for picture in inputs], dataset.train.labels.tolist()
        mean, std = ((part.flatten() / 255).tolist() for part in (dataset.mean, dataset.std))
        size = dataset.shape[1]
        self.seen = transforms.Compose(
            [
                transforms.RandomCrop(size, padding=size // 8),
                transforms.RandomHorizontalFlip(),
                transforms.ToTensor(),
                transforms.Normalize(mean, std),
            ]
        )

    def __len__(self) -> int:
        """Return how many images there are."""
        return len(self.pictures)

    def __getitem__(self, place: int) -> tuple[Tensor, int]:
        """Return an image in a random view, float32 (C, H, W), and its label."""
        return self.seen(self.pictures[place]), self.labels[place]
