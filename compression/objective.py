"""What a student minimizes: the labels' loss and one distillation loss or several, each with its weight."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn

from compression.catalog import Entry
from compression.data import DATASETS
from compression.data.arrays import Dataset
from compression.distillation import DISTILLATION, Batch, Seen
from compression.errors import SpecError
from compression.features import Layout, View, layout, layout_of, paired
from compression.tasks import task
from compression.texts import gettext as _

Terms = dict[str, Tensor]
Loss = Callable[[Seen, Seen, Batch], Terms]

OWN_SEED = 7919  # added to a training's seed, so that a loss's own weights are not those that the student began with


@dataclass(frozen=True)
class Part:
    """One distillation loss of an objective.

    Attributes:
        choice: its name and knobs.
        where: its path in the spec.
        prefix: what the names of its terms begin with.
        weight: of all its terms; None for the only loss, which has none.
        labels: what the labels weigh that come with it; None where none do.
    """

    choice: Mapping[str, Any]
    where: str
    prefix: str = ""
    weight: float | None = None
    labels: float | None = None

    @property
    def entry(self) -> Entry:
        """Return what the registry knows of it."""
        return DISTILLATION[self.choice["name"]]

    def weighted(self, term: Tensor) -> Tensor:
        """Return a term times the weight."""
        return term if self.weight is None else self.weight * term

    def build(self, student: Seen, teacher: Seen, images: int) -> Loss:
        """Return the loss with its knobs set: the function, or a module made for what it will see of both networks.

        Args:
            images: how many there are to train on.
        """
        knobs = {name: value for name, value in self.choice.items() if name in self.entry.knobs}
        bound = self.entry.bind(knobs)
        if not isinstance(self.entry.function, type):
            return bound
        return bound(student, teacher, images) if self.entry.traits.get("remembers_images") else bound(student, teacher)


@dataclass(frozen=True)
class Objective:
    """A sum of losses, before it is known between which networks.

    Attributes:
        parts: the distillation losses.
        labels: what the labels weigh beside those that come with a part; None for nothing.
    """

    parts: tuple[Part, ...] = ()
    labels: float | None = 1.0

    @property
    def looks_inside(self) -> bool:
        """Tell whether a loss sees more than logits."""
        return any(part.entry.traits.get("needs") for part in self.parts)

    def looks(self, student: Layout, teacher: Layout) -> tuple[Layout, Layout]:
        """Return which layers of the two networks the losses look at.

        Raises:
            SpecError: a network has no such layers, or too few of them.
        """
        needs = {need for part in self.parts for need in part.entry.traits.get("needs", ())}
        for part in self.parts:
            self._check(part, student, teacher)
        looks = paired(student, teacher, needs)
        self.build(*(look.probe(classes=2) for look in looks))
        return looks

    def check_classes(self, classes: int) -> None:
        """Make sure that the losses mean something with so many classes.

        Raises:
            SpecError: one needs more.
        """
        for part in self.parts:
            if classes < part.entry.traits.get("fewest_classes", 0):
                fewest = part.entry.traits["fewest_classes"]
                sentence = _("it needs at least {fewest} classes, and this dataset has {classes}: choose another loss")
                raise SpecError(f"{part.where}.name", part.choice["name"], sentence.format(fewest=fewest, classes=classes))

    @staticmethod
    def _check(part: Part, student: Layout, teacher: Layout) -> None:
        needs = part.entry.traits.get("needs", ())
        for role, found in ((_("student"), student), (_("teacher"), teacher)):
            sentence = _("it compares {what}, and the {role} has none: choose another network, or a loss on logits")
            if "features" in needs and not found.stages:
                raise SpecError(f"{part.where}.name", part.choice["name"], sentence.format(what=_("feature maps"), role=role))
            if "embedding" in needs and found.classifier is None:
                raise SpecError(f"{part.where}.name", part.choice["name"], sentence.format(what=_("embeddings"), role=role))

    def build(self, student: Seen, teacher: Seen, *, seed: int = 0, images: int = 1) -> list[Loss]:
        """Return the losses made for what they will see of both networks; the seed gives their own weights.

        Args:
            images: how many there are to train on, of which some losses remember something.
        """
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed + OWN_SEED)
            return [_built(part, student, teacher, images) for part in self.parts]

    def total(self, losses: list[Loss], label_loss: Callable[[Tensor, Tensor], Tensor]) -> "Total":
        """Return what computes the terms of the parts' losses, in their order."""
        return Total(self, losses, label_loss)

    def between(self, student: nn.Module, teacher: nn.Module | None, dataset: Dataset, *, seed: int) -> "Comparison":
        """Return the objective of one training.

        Args:
            teacher: without one, losses that would look at it are left out.

        Raises:
            SpecError: the losses have nothing to compare in these two networks.
        """
        rules, device = task(dataset.task), dataset.train.labels.device
        free = all(part.entry.traits.get("teacher_free") for part in self.parts)
        if not self.parts or (teacher is None and not free):
            return Comparison(Objective().total([], rules.loss), View(student), None)
        self.check_classes(dataset.classes)
        if teacher is None:
            nothing = Layout().probe(dataset.classes)
            losses = self.build(nothing, nothing, seed=seed, images=len(dataset.train))
            return Comparison(self.total(losses, rules.loss).to(device), View(student), None)
        looks = (Layout(), Layout())
        if self.looks_inside:
            looks = self.looks(layout(student, dataset.shape), layout(teacher, dataset.shape))
        losses = self.build(*(look.probe(dataset.classes) for look in looks), seed=seed, images=len(dataset.train))
        return Comparison(self.total(losses, rules.loss).to(device), View(student, looks[0]), View(teacher, looks[1]))


def _built(part: Part, student: Seen, teacher: Seen, images: int) -> Loss:
    try:
        return part.build(student, teacher, images)
    except SpecError as error:  # of one of its knobs, which do not know where in the spec they stand
        raise SpecError(f"{part.where}.{error.field}", error.given, error.allowed) from None


class Total(nn.Module):
    """Computes every term of an objective; its parameters are those that the losses train."""

    def __init__(self, objective: Objective, losses: list[Loss], label_loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.objective, self.label_loss = objective, label_loss
        self.losses = list(zip(objective.parts, losses, strict=True))
        self.trained = nn.ModuleList(loss for loss in losses if isinstance(loss, nn.Module))

    def forward(self, student: Seen, teacher: Seen | None, batch: Batch) -> Terms:
        """Return the named terms, 0-d, whose sum is the loss."""
        terms: Terms = {}
        for part, loss in self.losses:
            taught = loss(student, teacher, batch)
            if part.labels is not None:
                terms[f"{part.prefix}hard"] = part.weighted(part.labels * self.label_loss(student.logits, batch.labels))
            terms |= {f"{part.prefix}{name}": part.weighted(term) for name, term in taught.items()}
        if self.objective.labels is not None:
            terms["hard"] = self.objective.labels * self.label_loss(student.logits, batch.labels)
        return terms


@dataclass(frozen=True)
class Comparison:
    """An objective between two networks: what it sees of them, and its terms."""

    total: nn.Module
    student: View
    teacher: View | None


@dataclass(frozen=True)
class Given:
    """The labels, and a loss between student and teacher that comes with the scheme.

    Attributes:
        loss: a function; or a module, whose parameters are trained with the student's.
        needs: what the loss sees beside logits, as the trait `needs` of a distillation loss.
        labels: what the labels weigh.
    """

    loss: Loss
    needs: tuple[str, ...] = ()
    labels: float = 1.0

    def between(self, student: nn.Module, teacher: nn.Module | None, dataset: Dataset, *, seed: int) -> Comparison:
        """Return the objective of one training; the seed has no part in it.

        Args:
            teacher: None where the loss looks at the student alone, and then at all its stages.
        """
        looks = (Layout(), Layout())
        if self.needs:
            own = layout(student, dataset.shape)
            looks = paired(own, own if teacher is None else layout(teacher, dataset.shape), self.needs)
        total = _GivenTotal(self, task(dataset.task).loss)
        return Comparison(total, View(student, looks[0]), None if teacher is None else View(teacher, looks[1]))


class _GivenTotal(nn.Module):
    def __init__(self, given: Given, label_loss: Callable[[Tensor, Tensor], Tensor]) -> None:
        super().__init__()
        self.given, self.label_loss = given, label_loss
        self.trained = given.loss if isinstance(given.loss, nn.Module) else None

    def forward(self, student: Seen, teacher: Seen | None, batch: Batch) -> Terms:
        hard = self.given.labels * self.label_loss(student.logits, batch.labels)
        return {**self.given.loss(student, teacher, batch), "hard": hard}


def build_objective(
    loss: dict[str, Any] | list[dict[str, Any]], label_weight: float | None = None, *, where: str = "loss"
) -> Objective:
    """Return the objective of a spec's loss.

    A loss alone leaves the labels what its trait `teacher_share`, the name of a knob, does not take, or 1. In a list the labels
    weigh `label_weight`; where that is None, each loss brings the labels that its share leaves, and where no loss has a share,
    the labels weigh 1. The terms of a list are named `<position>_<loss>_<term>` and carry the loss's weight.

    Args:
        where: the loss's path in the spec.
    """
    if isinstance(loss, dict):
        share = _left_to_labels(loss)
        return Objective((Part(loss, where, labels=1.0 if share is None else share),), None)
    parts = tuple(
        Part(
            choice,
            where=f"{where}.{index}",
            prefix=f"{index + 1}_{choice['name']}_",
            weight=choice["weight"],
            labels=_left_to_labels(choice) if label_weight is None else None,
        )
        for index, choice in enumerate(loss)
    )
    if label_weight is None and all(part.labels is None for part in parts):
        label_weight = 1.0
    return Objective(parts, label_weight)


def check_comparison(
    objective: Objective,
    student: dict[str, Any],
    teacher: dict[str, Any],
    dataset: str,
    teacher_edits: Sequence[Mapping[str, Any]] = (),
    *,
    teacher_dataset: str | None = None,
) -> tuple[Layout, Layout]:
    """Return which layers of two architectures (`name` and knobs) the losses look at.

    Args:
        teacher_edits: what sets the teacher's structure apart from its architecture's.
        teacher_dataset: what the teacher was trained on, where it is another dataset.

    Raises:
        SpecError: a network has no such layers, or too few of them, or the dataset has too few classes.
    """
    objective.check_classes(DATASETS[dataset].traits["classes"])
    if not objective.looks_inside:
        return Layout(), Layout()
    return objective.looks(layout_of(student, dataset), layout_of(teacher, teacher_dataset or dataset, teacher_edits))


def _left_to_labels(choice: Mapping[str, Any]) -> float | None:
    share = DISTILLATION[choice["name"]].traits.get("teacher_share")
    return None if share is None else 1 - choice[share]
