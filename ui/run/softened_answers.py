"""The answers of a distillation's networks at a temperature that is dragged, as Temperature and Distill show them."""

import streamlit as st
import torch

from compression.answers import Answers
from compression.charts.style import ROLES
from compression.data.arrays import Split
from compression.texts import gettext as _
from compression.texts import ngettext
from ui.run import answers
from ui.run.answers import UNTRAINED, Subject
from ui.run.words import as_text
from ui.widgets.softened import Answering, softened

IMAGES = 100  # enough for a mean, and little to send
ORDER = ("teacher", UNTRAINED, "student", "baseline")
UNTRAINED_COLOUR = "#E69F00"


def show(subject: Subject, temperature: float, *, key: str, gradients: bool = True) -> float:
    """Draw images, bars and gradients of a run's networks, and return the temperature at which the slider was let go last.

    Raises:
        LabError: the data is not there, or a file cannot be used.
    """
    found = instructive_first(answers.asked(subject, "validation", IMAGES, untrained=True))
    count = len(found.split)
    told = ngettext(
        "{count} validation image.",
        "{count} validation images. First those of which teacher and taught student guess the label and the same second class,"
        " the student no surer; then others that the teacher gets right; at the end its mistakes. Of each, those first that the"
        " teacher is least sure of.",
        count,
    )
    told = told.format(count=count)
    if subject.teachers > 1:
        sentence = _(
            "{count} teachers answer together by the mean of their probabilities; the first of them alone is shown here."
        )
        told = f"{told} {sentence.format(count=subject.teachers)}"
    st.caption(as_text(told))
    classes = found.class_names or tuple(str(number) for number in range(found.logits["teacher"].shape[1]))
    shown = {role: Answering(*_looks(role), found.logits[role]) for role in ORDER if role in found.logits}
    looks = {"temperature": temperature, "learner": UNTRAINED, "gradients": gradients}
    key = f"{key}-{subject.name}-{subject.seed}"
    return softened(found.split.inputs, found.split.labels, classes, shown, key=key, **looks)


def instructive_first(found: Answers) -> Answers:
    """Return the same answers in groups, each in order of the gap between the teacher's two largest logits.

    First the images on which the student has learned what softening shows: label and second guess of its teacher, no surer than
    it; then the others that the teacher gets right, then its mistakes. Without a student the first group is empty.
    """
    best = found.logits["teacher"].topk(2, dim=1)
    gap = best.values[:, 0] - best.values[:, 1]
    right = best.indices[:, 0] == found.split.labels
    learned = torch.zeros_like(right)
    if "student" in found.logits:
        taught = found.logits["student"].topk(2, dim=1)
        learned = right & (taught.indices == best.indices).all(1) & (taught.values[:, 0] - taught.values[:, 1] <= gap)
    by_gap = torch.argsort(gap, stable=True)
    group = torch.where(learned, 0, torch.where(right, 1, 2))
    order = by_gap[torch.argsort(group[by_gap], stable=True)]
    split = Split(found.split.inputs[order], found.split.labels[order])
    return Answers(split, found.class_names, {role: logits[order] for role, logits in found.logits.items()})


def _looks(role: str) -> tuple[str, str]:
    """Return what a role is called here, and its colour."""
    if role == UNTRAINED:
        return _("Student before training"), UNTRAINED_COLOUR
    titles = {"teacher": _("Teacher"), "student": _("Student, taught"), "baseline": _("Baseline, alone")}
    return titles[role], ROLES[role].colour
