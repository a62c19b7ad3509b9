"""A student that begins with parts of its teacher: the strongest channels of its layers, or every so many of its layers."""

import copy
import itertools
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import nn

from compression.data import DATASETS
from compression.edits.replay import apply
from compression.errors import DataError, SpecError
from compression.networks import construct
from compression.steps.channels import blocks
from compression.steps.state import State, compressible
from compression.texts import gettext as _

CHANNELS = "channels"


def inherit(student: nn.Module, teacher: nn.Module, what: str) -> None:
    """Give a student the weights and buffers of parts of its teacher, in place.

    Args:
        what: "channels": of each layer those whose weights have the largest sum of absolute values, in their order, with
            what follows cut accordingly (Li et al. 2017, arXiv:1608.08710, section 3.1); or "layers": of each run of layers
            alike as many as the student has, spread evenly (Sanh et al. 2019, arXiv:1910.01108, section 3).

    Raises:
        SpecError: the student is no such part of the teacher.
    """
    if what == CHANNELS:
        _channels(student, teacher)
    else:
        _layers(student, teacher)


def check_inheritance(student: Mapping[str, Any], teacher: Mapping[str, Any], dataset: str, what: str) -> None:
    """Make sure that a student of an architecture can inherit from a teacher of another; nothing is computed.

    Raises:
        SpecError: it cannot.
    """
    traits = DATASETS[dataset].traits
    with torch.device("meta"):
        models = [construct(dict(choice), traits["shape"], traits["classes"]) for choice in (student, teacher)]
    inherit(*models, what)


def _channels(student: nn.Module, teacher: nn.Module) -> None:
    state, wanted = State(copy.deepcopy(teacher)), compressible(student)
    names = list(compressible(teacher))
    if names != list(wanted):
        raise _refused(CHANNELS, _("the two have not the same layers"))
    for name in names[:-1]:
        weight = state.weights()[name]
        stays, there = len(wanted[name]), len(weight)
        if stays > there:
            raise _refused(CHANNELS, _("the student's layer {layer} is the wider one").format(layer=name.removesuffix(".weight")))
        if stays < there:
            # On the device meta, where there are no numbers, any will do.
            strength = torch.zeros(there) if weight.is_meta else weight.abs().flatten(1).sum(1)
            removed = strength.argsort(descending=True, stable=True)[stays:].sort().values.tolist()
            try:
                apply(state, {"name": "remove_channels", "layer": name.removesuffix(".weight"), "removed": removed})
            except DataError as error:
                raise _refused(CHANNELS, str(error).rstrip(".")) from None
    try:
        student.load_state_dict(state.model.state_dict())
    except RuntimeError:
        raise _refused(CHANNELS, _("the two have not the same layers")) from None


def _layers(student: nn.Module, teacher: nn.Module) -> None:
    there = iter(_runs(teacher))
    for kind, own in _runs(student):
        others = next((run for other, run in there if other == kind), ())
        if len(others) < len(own):
            raise _refused("layers", _("the teacher has not as many layers of each of the student's shapes, in their order"))
        last = max(len(own) - 1, 1)
        for place, block in enumerate(own):
            block.load_state_dict(others[place * (len(others) - 1) // last].state_dict())


def _runs(model: nn.Module) -> list[tuple[Any, list[nn.Module]]]:
    """Return the blocks that have weights, those in a row that are alike together, with what makes them alike."""

    def kind(block: nn.Module) -> tuple[Any, ...]:
        return type(block).__name__, tuple((name, tuple(tensor.shape)) for name, tensor in block.state_dict().items())

    weighty = [block for _name, block in blocks(model, "") if block.state_dict()]
    runs: Sequence[tuple[Any, Any]] = itertools.groupby(weighty, kind)
    return [(alike, list(run)) for alike, run in runs]


def _refused(what: str, why: str) -> SpecError:
    sentence = _(
        "a student inherits {what} only of a teacher of which it is a part, and {why}: choose another teacher or student"
    )
    return SpecError("scheme.inherit", what, sentence.format(what=what, why=why))
