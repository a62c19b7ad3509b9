"""The networks that a distillation has trained before its students, and the teacher that they are."""

from collections.abc import Generator
from dataclasses import replace

import torch

from compression import events
from compression.adaptation import adapted, as_pixels
from compression.data import DATASETS
from compression.data.arrays import Dataset
from compression.events import Event
from compression.execute.looks import looks
from compression.lab import Lab
from compression.networks import Network
from compression.objective import build_objective, check_comparison
from compression.recipe import teacher_recipe
from compression.schemes import each_before, learns_elsewhere, teacher_dataset
from compression.spec import DistillSpec
from compression.teacher import Several, Teacher, averaged
from compression.texts import gettext as _

Found = dict[int, Network]


def obtain(spec: DistillSpec, lab: Lab, role: str, transfer: Dataset) -> Generator[Event, None, tuple[Found, Teacher | None]]:
    """Yield events until the networks of a role are there; return them by seed, and as the teacher of students.

    Networks of another task have no metrics that could stand among those of the student's.

    Args:
        transfer: what students learn from.
    """
    dataset, found = teacher_dataset(spec), Found()
    recipe, there = teacher_recipe(dataset, spec.teacher_train, spec.train), lab.on(dataset)
    wanted = [(choice, seed) for of, choice, seed in each_before(spec) if of == role]
    elsewhere = _("teacher of another task, the classes of {data}").format(data=_(DATASETS[dataset["name"]].title))
    called = elsewhere if learns_elsewhere(spec) else ""
    for index, (choice, seed) in enumerate(wanted, 1):
        obtaining = there.obtain(choice, recipe, role=role, seed=seed, index=index, of=len(wanted), called=called)
        if learns_elsewhere(spec):
            obtaining = events.translated(obtaining, lambda event: [] if event["type"] == "metric" else [event])
        found[seed] = yield from obtaining
        if spec.loss is not None:
            edits, names = found[seed].facts.get("edits", ()), (spec.dataset["name"], dataset["name"])
            built, objective = found[seed].architecture, build_objective(spec.loss)
            check_comparison(objective, spec.student, built, names[0], edits, teacher_dataset=names[1])
    return found, _teacher(spec, found, transfer) if found else None


def _teacher(spec: DistillSpec, found: Found, transfer: Dataset) -> Teacher:
    first, several = next(iter(found.values())), len(found) > 1
    if learns_elsewhere(spec):
        return Teacher(adapted(first.model, first.data), as_pixels(transfer), looks=looks(spec), same_task=False)
    model = Several([network.model for network in found.values()]) if several else first.model
    teacher = Teacher(model, replace(first.data, train=transfer.train), looks=looks(spec))
    logits = torch.stack([network.validation_logits for network in found.values()], 1)
    teacher.validation_choice = averaged(logits).argmax(1) if several else first.validation_logits.argmax(1)
    return teacher
