"""Training on images that are made, not taken from a dataset: by a generator that learns along from a teacher, or as noise."""

from collections.abc import Callable, Generator, Iterator, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from compression.distillation import Batch, Seen
from compression.errors import SpecError
from compression.features import Layout, View, layout
from compression.hooks import Hooks
from compression.measure.cost import Cost, cost
from compression.optimizer import Optimizer
from compression.recipe import RECIPE, Recipe
from compression.teacher import Teacher
from compression.texts import gettext as _
from compression.training import Beat, Epoch, History, Loop, Totals, run

NOISE = 100  # numbers from which a generator makes an image
NORM_EPSILON = 0.8  # as in the authors' code, which has it from elsewhere: most of its norms divide by little
SLOPE = 0.2
SEED = 49_979_687  # added to a student's seed: a generator's weights are not those that the student began with
SIDE = 4  # times that a generator enlarges its first map

Terms = dict[str, Tensor]


@dataclass(frozen=True)
class Making:
    """How images are made for a student.

    Attributes:
        batch: images of a step.
        steps: of an epoch.
        loss: what a student is taught, of what it answers and what the teacher does.
        width: filters of the generator's last hidden layer; 0 for noise.
        lr: of the generator.
        judged: what the generator minimizes, of what the teacher shows of its images.
    """

    batch: int
    steps: int
    loss: Callable[[Seen, Seen, Batch], Terms]
    width: int = 0
    lr: float = 0.0
    judged: Callable[[Seen], Terms] | None = None


class ImageGenerator(nn.Module):
    """Images (B, C, H, W) of mean 0 and deviation 1 per channel, as networks take them, from noise (B, 100).

    Source: Chen et al. 2019, arXiv:1904.01186, section 4.1, after Radford et al. 2016, arXiv:1511.06434.
    """

    def __init__(self, shape: tuple[int, int, int], width: int) -> None:
        super().__init__()
        channels, self.height, self.width = shape
        rows, columns, wide = -(-self.height // SIDE), -(-self.width // SIDE), 2 * width
        first = [nn.Linear(NOISE, wide * rows * columns), nn.Unflatten(1, (wide, rows, columns)), nn.BatchNorm2d(wide)]
        layers: list[nn.Module] = []
        for fan_out in (wide, width):
            norm = nn.BatchNorm2d(fan_out, NORM_EPSILON)
            layers += [nn.Upsample(scale_factor=2), nn.Conv2d(wide, fan_out, 3, padding=1), norm, nn.LeakyReLU(SLOPE)]
        last = [nn.Conv2d(width, channels, 3, padding=1), nn.Tanh(), nn.BatchNorm2d(channels, affine=False)]
        self.layers = nn.Sequential(*first, *layers, *last)

    def forward(self, noise: Tensor) -> Tensor:
        """Return an image for each row of noise."""
        return self.layers(noise)[:, :, : self.height, : self.width]


def train_on_generated(
    model: nn.Module, teacher: Teacher, recipe: Recipe, making: Making, *, seed: int, checkpoint: Path | None = None
) -> Generator[Beat | Epoch, None, History]:
    """Train a network in place on made images alone; return the losses of all epochs.

    Of the teacher's dataset it sees the validation images, by which its curve is measured, and no others.

    Args:
        model: on the device of the teacher's dataset.
        checkpoint: as of `train`; it holds the generator, too.

    Raises:
        SpecError: the teacher has no linear layer at its end.
    """
    return (yield from run(GeneratedLoop(model, teacher, recipe, making, seed), checkpoint))


class GeneratedLoop(Loop):
    """A training on made images, step by step: first the generator learns from the teacher, then the student from both."""

    def __init__(self, model: nn.Module, teacher: Teacher, recipe: Recipe, making: Making, seed: int) -> None:
        self.making = making
        super().__init__(model, teacher.dataset.first(0), recipe, seed, None, teacher, Hooks())
        found = layout(teacher.model, self.dataset.shape)
        if found.classifier is None:
            allowed = _("its generator learns from what the teacher's last linear layer is given, and this teacher has none")
            raise SpecError("scheme.name", "data_free", allowed)
        self.view = View(teacher.model.requires_grad_(requires_grad=False), Layout((), found.classifier, found.embedding))
        self.generator: ImageGenerator | None = None
        if making.width:
            with torch.random.fork_rng(devices=[]):
                torch.manual_seed(seed + SEED)
                generator = ImageGenerator(self.dataset.shape, making.width).to(memory_format=torch.channels_last)
                self.generator = generator.to(self.dataset.train.labels.device)
            self.trained["generator"] = self.generator
            self.generator_optimizer = self._adam()

    def size(self) -> tuple[int, int]:
        """Return how many images a step has, and how many steps an epoch."""
        return self.making.batch, self.making.steps

    def order(self, epoch: int) -> Iterator[tuple[int, Tensor, Tensor]]:
        """Yield the steps of an epoch, counted from the first of all; there are no positions and no views."""
        torch.manual_seed(self.seed * 1_000_003 + epoch)
        nothing = torch.empty(0)
        yield from ((step, nothing, nothing) for step in range((epoch - 1) * self.steps, epoch * self.steps))

    def take_step(self, step: int, _chosen: Tensor, _views: Tensor, totals: Totals) -> None:
        """Make images, improve the generator by what the teacher shows of them, and let the student learn its answers."""
        images, taught = self._made()
        batch = Batch(images, taught.logits.argmax(1), torch.arange(len(images), device=images.device), step)
        self.descend(self.making.loss(self.answer(batch), taught, batch), step, totals)

    def _made(self) -> tuple[Tensor, Seen]:
        """Return images, normalized, and what the teacher shows of them, both without gradients."""
        device = self.dataset.train.labels.device
        if self.generator is None:
            images = torch.randn(self.batch, *self.dataset.shape).to(device)
            with torch.no_grad():
                return images, self.view(images)
        images = self.generator.train()(torch.randn(self.batch, NOISE).to(device))
        seen = self.view(images)
        self.generator_optimizer.zero_grad()
        sum(self.making.judged(seen).values()).backward()
        self.generator_optimizer.step()
        return images.detach(), seen.detach()

    def _adam(self) -> Optimizer:
        recipe = RECIPE.bind({"optimizer": "adam", "weight_decay": 0.0})()
        return Optimizer(self.generator, replace(recipe, lr=self.making.lr))

    def reset(self, state: Mapping[str, Any]) -> None:
        """Begin anew."""
        generator = self.trained.pop("generator") if self.generator is not None else None
        own = {name: tensor for name, tensor in state.items() if not name.startswith("generator.")}
        super().reset(own)
        if generator is not None:
            begun = {name.removeprefix("generator."): tensor for name, tensor in state.items() if name.startswith("generator.")}
            generator.load_state_dict(begun)
            self.trained["generator"] = generator
            self.generator_optimizer = self._adam()

    def state(self, epoch: int) -> dict[str, Any]:
        """Return all that a training that goes on after an epoch needs."""
        if self.generator is None:
            return super().state(epoch)
        made = {"generator": self.generator.state_dict(), "generator_optimizer": self.generator_optimizer.state_dict()}
        return {**super().state(epoch), **made}

    def restore(self, state: dict[str, Any]) -> int:
        """Go back to a state; return its epoch."""
        if self.generator is not None:
            self.generator.load_state_dict(state["generator"])
            self.generator_optimizer.load_state_dict(state["generator_optimizer"])
        return super().restore(state)


def made_seconds(
    student: Cost,
    teacher: Cost,
    recipe: Recipe,
    sizes: Mapping[str, int],
    shape: tuple[int, int, int],
    *,
    validation_images: int,
    device: str,
) -> float:
    """Return the seconds of a student's training on made images; noise, of width 0, has no generator.

    Args:
        sizes: `batch`, `steps` of an epoch, and `width` of the generator.
    """
    batch, images = sizes["batch"], sizes["batch"] * sizes["steps"]
    alone = replace(recipe, batch_size=batch)
    seconds = student.training_seconds(alone, images=images, validation_images=validation_images, device=device)
    if not sizes["width"]:
        return seconds + recipe.epochs * teacher.answer_seconds(images, device, batch)
    with torch.device("meta"):
        generator = cost(ImageGenerator(shape, sizes["width"]), (NOISE,))
    step = teacher.step_seconds(batch, device) + generator.step_seconds(batch, device)
    return seconds + recipe.epochs * sizes["steps"] * step
