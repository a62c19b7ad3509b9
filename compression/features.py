"""What a distillation loss sees of a network: where its stages are, which of two networks' belong together, and their maps."""

import functools
import itertools
import json
import math
from collections.abc import Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch.utils.hooks import RemovableHandle

from compression.data import DATASETS
from compression.distillation import Seen
from compression.evaluation import evaluating
from compression.networks import construct
from compression.steps.channels import blocks
from compression.texts import gettext as _

ARCHITECTURES_CACHED = 256


@dataclass(frozen=True)
class Stage:
    """Layers in a row whose maps have equally many channels and, but for pooling, one size.

    Attributes:
        layer: the last of them, whose output (B, channels, height, width) is the stage's feature map.
    """

    layer: str
    channels: int
    height: int
    width: int


@dataclass(frozen=True)
class Layout:
    """The layers of a network that losses may look at.

    Attributes:
        stages: from the input on.
        classifier: the linear layer that turns the embedding into logits; None if there is none.
        embedding: how many numbers that layer is given for an example.
    """

    stages: tuple[Stage, ...] = ()
    classifier: str | None = None
    embedding: int = 0

    def probe(self, classes: int) -> Seen:
        """Return zeros of the shapes that a loss will see, of one example."""
        maps = tuple(torch.zeros(1, stage.channels, stage.height, stage.width) for stage in self.stages)
        return Seen(torch.zeros(1, classes), maps, torch.zeros(1, self.embedding) if self.classifier else None)


def layout(model: nn.Module, shape: Sequence[int]) -> Layout:
    """Return a network's stages and its classifier, found by running it once on an example of a shape (C, H, W).

    The network is read as a row of blocks: it and every sequence in it are opened, other blocks are not. Maps of one pixel,
    such as an average over the image, are no stage, nor is what comes before the first block with weights.
    """
    stages: list[Stage] = []
    linear: list[tuple[str, int]] = []

    def note(name: str, block: nn.Module, output: Any) -> None:
        if not isinstance(output, Tensor) or output.ndim != 4 or output.shape[2] * output.shape[3] == 1:
            return
        stage, last = Stage(name, *output.shape[1:]), stages[-1] if stages else None
        weights = next(block.parameters(), None) is not None
        if last and last.channels == stage.channels and (last.height == stage.height or not weights):
            stages[-1] = stage
        elif weights:
            stages.append(stage)

    hooks = [
        block.register_forward_hook(lambda block, _inputs, output, name=name: note(name, block, output))
        for name, block in blocks(model, "")
    ]
    hooks += [
        layer.register_forward_hook(lambda layer, _inputs, _output, name=name: linear.append((name, layer.in_features)))
        for name, layer in model.named_modules()
        if isinstance(layer, nn.Linear)
    ]
    first = next(model.parameters(), torch.empty(0))
    with _removed(hooks), evaluating(model), torch.no_grad():
        model(torch.zeros(1, *shape, device=first.device, dtype=first.dtype))
    return Layout(tuple(stages), *(linear[-1] if linear else ()))


@contextmanager
def _removed(hooks: Sequence[RemovableHandle]) -> Iterator[None]:
    """Remove hooks at the end, however it comes."""
    try:
        yield
    finally:
        for hook in hooks:
            hook.remove()


@functools.lru_cache(maxsize=ARCHITECTURES_CACHED)
def _layout_of(architecture: str, edits: str, dataset: str) -> Layout:
    traits = DATASETS[dataset].traits
    with torch.device("meta"):  # no memory is taken and nothing is computed
        model = construct(json.loads(architecture), traits["shape"], traits["classes"], json.loads(edits))
    return layout(model, traits["shape"])


def layout_of(architecture: dict[str, Any], dataset: str, edits: Sequence[Mapping[str, Any]] = ()) -> Layout:
    """Return the layout of an architecture (`name` and knobs), with edits, for a dataset's images, without building it."""
    return _layout_of(json.dumps(architecture, sort_keys=True), json.dumps([*edits], sort_keys=True), dataset)


def paired(student: Layout, teacher: Layout, needs: Collection[str]) -> tuple[Layout, Layout]:
    """Return of two layouts what losses with these needs look at: equally many stages of both, which belong together."""
    stages = match(student.stages, teacher.stages) if "features" in needs else []
    looks = [Layout(tuple(pair[side] for pair in stages)) for side in (0, 1)]
    if "embedding" in needs:
        whole = zip(looks, (student, teacher), strict=True)
        looks = [replace(look, classifier=of.classifier, embedding=of.embedding) for look, of in whole]
    return looks[0], looks[1]


def stages_text(student: Layout, teacher: Layout) -> str:
    """Return which maps of two paired layouts are compared, and the size of their embeddings, in words."""

    def size(stage: Stage) -> str:
        return f"{stage.channels}×{stage.height}×{stage.width}"

    if not student.stages:
        told = _("Numbers in an embedding, student and teacher: {own} and {other}.")
        return told.format(own=student.embedding, other=teacher.embedding)
    parts = [
        _("stage {number}, {own} and {other}").format(number=number, own=size(own), other=size(other))
        for number, (own, other) in enumerate(zip(student.stages, teacher.stages, strict=True), 1)
    ]
    if student.classifier and teacher.classifier:
        parts.append(_("embedding, {own} and {other}").format(own=student.embedding, other=teacher.embedding))
    return _("Channels × height × width, student and teacher: {parts}.").format(parts="; ".join(parts))


def match(student: Sequence[Stage], teacher: Sequence[Stage]) -> list[tuple[Stage, Stage]]:
    """Return which stages of two networks belong together, in order: as many pairs as the one with fewer has stages.

    Of the other network those are taken whose maps are nearest in size, and of these the nearest in relative depth.
    """
    if len(student) > len(teacher):
        return [(own, other) for other, own in match(teacher, student)]

    def distance(chosen: Sequence[int]) -> tuple[float, float]:
        pairs = [(student[own], teacher[other]) for own, other in enumerate(chosen)]
        sizes = sum(abs(math.log2(a.height * a.width / (b.height * b.width))) for a, b in pairs)
        depths = sum(abs((own + 1) / len(student) - (other + 1) / len(teacher)) for own, other in enumerate(chosen))
        return round(sizes, 6), depths

    best = min(itertools.combinations(range(len(teacher)), len(student)), key=distance)
    return [(student[own], teacher[other]) for own, other in enumerate(best)]


class View:
    """Runs a network and returns what a loss sees of it; hooks are there only while it runs.

    Args:
        look: the layers to look at.
    """

    def __init__(self, model: nn.Module, look: Layout | None = None) -> None:
        self.model, self.look = model, look or Layout()
        self._stages = [model.get_submodule(stage.layer) for stage in self.look.stages]
        self._classifier = None if self.look.classifier is None else model.get_submodule(self.look.classifier)

    def __call__(self, inputs: Tensor) -> Seen:
        """Return what there is to see of inputs (B, C, H, W), float; gradients pass."""
        if not self._stages and self._classifier is None:
            return Seen(self.model(inputs))
        features: dict[int, Tensor] = {}
        embedding: list[Tensor] = []
        hooks = [
            layer.register_forward_hook(lambda _layer, _inputs, output, place=place: features.__setitem__(place, output))
            for place, layer in enumerate(self._stages)
        ]
        if self._classifier is not None:
            hooks.append(self._classifier.register_forward_pre_hook(lambda _layer, given: embedding.append(given[0])))
        with _removed(hooks):
            logits = self.model(inputs)
        return Seen(logits, tuple(features[place] for place in sorted(features)), *embedding[-1:])
