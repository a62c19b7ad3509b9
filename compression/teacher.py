"""A trained network whose answers students learn from."""

import copy
import functools
from collections.abc import Sequence

import torch
from torch import Tensor, nn

from compression import augmentation
from compression.data.arrays import Dataset
from compression.distillation import Seen
from compression.evaluation import evaluating, predict
from compression.features import Layout, View

CACHED_BYTES = 256 * 2**20  # of feature maps or of views' logits; where there are more, the teacher runs beside the student
BATCH = 256
PART = 64  # images of a table whose answers in one view are computed together
FLOAT_BYTES = 4


class Teacher:
    """A trained network and its answers, each computed once for all students of a run.

    Args:
        model: on the device of the dataset, in evaluation mode.
        dataset: what the students learn from, with inputs normalized as the teacher was trained to take them.
        looks: how often all students together look at each training image, in a run that nothing interrupts.
        same_task: whether its classes are the students', so that their answers can agree.
    """

    def __init__(self, model: nn.Module, dataset: Dataset, *, looks: int = 0, same_task: bool = True) -> None:
        self.same_task = same_task
        self.model, self.dataset, self.looks = copy.deepcopy(model).to(memory_format=torch.channels_last), dataset, looks
        self._seen: dict[Layout, Seen | None] = {Layout(): None}
        self._tables: dict[str, Table | None] = {}

    @functools.cached_property
    def train_logits(self) -> Tensor:
        """Logits (N, K) of the training images as they are, for students that see no others."""
        return predict(self.model, self.dataset, self.dataset.train.inputs)

    @functools.cached_property
    def validation_choice(self) -> Tensor:
        """Class (N,) chosen for each validation image."""
        return predict(self.model, self.dataset, self.dataset.validation.inputs).argmax(1)

    def look(self, view: View, inputs: Tensor) -> Seen:
        """Return what a view of this teacher shows of inputs (B, C, H, W), uint8, without gradients."""
        with torch.no_grad():
            return view(self.dataset.normalize(inputs))

    def seen(self, view: View) -> Seen | None:
        """Return what a view of this teacher shows of all training images as they are; None where that is too much to keep."""
        if view.look == Layout():
            return Seen(self.train_logits)
        if view.look not in self._seen:
            each = FLOAT_BYTES * sum(stage.channels * stage.height * stage.width for stage in view.look.stages)
            self._seen[view.look] = self._see(view) if each * len(self.dataset.train) <= CACHED_BYTES else None
        return self._seen[view.look]

    def table(self, view: View, kind: str) -> "Table | None":
        """Return the logits of all views of all training images, computed as they occur; None where that does not pay.

        It pays on a CPU where students look more often than there are views; a GPU would wait for what is in the table.
        """
        if view.look != Layout() or self.dataset.train.labels.device.type != "cpu":
            return None
        if kind not in self._tables:
            views = augmentation.views(kind, self.dataset.shape[1])
            each = FLOAT_BYTES * self.dataset.classes * views
            pays = views < self.looks and each * len(self.dataset.train) <= CACHED_BYTES
            self._tables[kind] = Table(self.model, self.dataset, kind) if pays else None
        return self._tables[kind]

    def _see(self, view: View) -> Seen:
        with evaluating(self.model):
            parts = [self.look(view, batch) for batch in self.dataset.train.inputs.split(BATCH)]
        maps = (torch.cat(stage) for stage in zip(*(part.features for part in parts), strict=True))
        embedding = torch.cat([part.embedding for part in parts]) if parts[0].embedding is not None else None
        return Seen(torch.cat([part.logits for part in parts]), tuple(maps), embedding)


class Several(nn.Module):
    """Networks that answer side by side: logits (B, networks, K)."""

    def __init__(self, models: Sequence[nn.Module]) -> None:
        super().__init__()
        self.models = nn.ModuleList(models)

    def forward(self, inputs: Tensor) -> Tensor:
        """Return the logits of all networks."""
        return torch.stack([model(inputs) for model in self.models], 1)


def averaged(logits: Tensor) -> Tensor:
    """Return the mean (N, K) of several networks' probabilities, of their logits (N, networks, K)."""
    return logits.softmax(2).mean(1)


class Table:
    """A teacher's logits of every view of the training images, filled as views occur.

    A part of it, one view of some images in a row, is always computed as a whole. So its numbers do not depend on which views
    occurred before, and a training that was interrupted ends with the same weights as one that was not.
    """

    def __init__(self, model: nn.Module, dataset: Dataset, kind: str) -> None:
        self.model, self.dataset, self.kind = model, dataset, kind
        self.views = augmentation.views(kind, dataset.shape[1])
        self._logits: Tensor | None = None
        self._known = torch.zeros(-(-len(dataset.train) // PART), self.views, dtype=torch.bool)

    def logits(self, index: Tensor, numbers: Tensor) -> Tensor:
        """Return the logits (B, K) of the training images at some positions (B,), each in the view of a number (B,)."""
        parts = index // PART
        missing = ~self._known[parts, numbers]
        if missing.any():
            for part, number in torch.stack([parts[missing], numbers[missing]], 1).unique(dim=0).tolist():
                self._fill(part, number)
        return self._logits[index, numbers]

    def _fill(self, part: int, number: int) -> None:
        rows = slice(part * PART, (part + 1) * PART)
        inputs = self.dataset.train.inputs[rows]
        seen = augmentation.apply(inputs, self.kind, torch.full((len(inputs),), number))
        answers = predict(self.model, self.dataset, seen)
        if self._logits is None:
            self._logits = torch.empty(len(self.dataset.train), self.views, *answers.shape[1:])
        self._logits[rows, number] = answers
        self._known[part, number] = True
