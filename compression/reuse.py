"""Students that end in a projector and their teacher's classifier."""

from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from compression import networks
from compression.data.arrays import Dataset
from compression.edits.replay import apply, replay
from compression.errors import SpecError
from compression.features import Layout, layout, layout_of
from compression.networks import Workspace
from compression.schemes import SCHEMES
from compression.spec import DistillSpec
from compression.steps.state import State
from compression.texts import gettext as _

PROJECTOR_SEED = 15_485_863  # added to a student's seed: its projector's weights are not those that the student began with


def student_edits(
    scheme: Mapping[str, Any],
    student: dict[str, Any],
    dataset: str,
    teacher: dict[str, Any],
    teacher_edits: Sequence[Mapping[str, Any]] = (),
) -> list[dict[str, Any]]:
    """Return how a scheme's student differs from its architecture, by the scheme's trait `projects`: the name of a knob.

    Args:
        student: architecture.
        teacher: architecture.
        teacher_edits: what sets the teacher's structure apart from its architecture's.

    Raises:
        SpecError: a network has no linear layer that classifies.
    """
    knob = SCHEMES[scheme["name"]].traits.get("projects")
    if knob is None:
        return []
    return [_edit(layout_of(student, dataset), layout_of(teacher, dataset, teacher_edits), scheme[knob])]


def student_as_trained(spec: DistillSpec, data: Dataset, workspace: Workspace) -> nn.Module:
    """Return a student of the structure that its scheme trains, with the weights of any seed."""
    student, teacher = networks.build(spec.student, data, seed=0), {"architecture": spec.teacher}
    if not SCHEMES[spec.scheme["name"]].traits.get("projects"):
        return student
    if "run" in spec.teacher:
        teacher = networks.facts_in(networks.find_artifact(spec.teacher, workspace))
    replay(student, student_edits(spec.scheme, spec.student, data.name, teacher["architecture"], teacher.get("edits", ())))
    return student


def reuse_classifier(student: nn.Module, teacher: nn.Module, shape: Sequence[int], *, factor: int, seed: int) -> dict[str, Any]:
    """Let a student end in a projector and a copy of the teacher's classifier, which does not train; return the edit.

    Args:
        factor: how many times narrower than the teacher's embedding the projector is within.
        seed: of the projector's weights.

    Raises:
        SpecError: a network has no linear layer that classifies.
    """
    own, others = layout(student, shape), layout(teacher, shape)
    edit = _edit(own, others, factor)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed + PROJECTOR_SEED)
        apply(State(student), edit)
    classifier = student.get_submodule(f"{own.classifier}.classifier")
    classifier.load_state_dict(teacher.get_submodule(others.classifier).state_dict())
    classifier.requires_grad_(False)
    return edit


def _edit(student: Layout, teacher: Layout, factor: int) -> dict[str, Any]:
    for role, found in ((_("student"), student), (_("teacher"), teacher)):
        if found.classifier is None:
            sentence = _("the {role} has no linear layer at its end: choose another network").format(role=role)
            raise SpecError("scheme.name", "simkd", sentence)
    between = max(1, teacher.embedding // factor)
    return {"name": "project", "layer": student.classifier, "between": between, "features": teacher.embedding}
