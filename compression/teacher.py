"""A trained network whose answers students learn from."""

import copy
import functools

import torch
from torch import Tensor, nn

from compression.data.arrays import Dataset
from compression.distillation import Seen
from compression.evaluation import evaluating, predict
from compression.features import Layout, View

CACHED_BYTES = 256 * 2**20  # of feature maps; where a training set's are more, the teacher runs beside the student
BATCH = 256
FLOAT_BYTES = 4


class Teacher:
    """A trained network and its answers, each computed once for all students of a run.

    Args:
        model: on the device of the dataset, in evaluation mode.
        dataset: what the students learn from, with inputs normalized as the teacher was trained to take them.
    """

    def __init__(self, model: nn.Module, dataset: Dataset) -> None:
        self.model, self.dataset = copy.deepcopy(model).to(memory_format=torch.channels_last), dataset
        self._seen: dict[Layout, Seen | None] = {Layout(): None}

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

    def _see(self, view: View) -> Seen:
        with evaluating(self.model):
            parts = [self.look(view, batch) for batch in self.dataset.train.inputs.split(BATCH)]
        maps = (torch.cat(stage) for stage in zip(*(part.features for part in parts), strict=True))
        embedding = torch.cat([part.embedding for part in parts]) if parts[0].embedding is not None else None
        return Seen(torch.cat([part.logits for part in parts]), tuple(maps), embedding)
