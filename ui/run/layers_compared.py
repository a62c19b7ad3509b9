"""Which layers the losses of a finished run compared, in words."""

from collections.abc import Mapping, Sequence
from typing import Any

from compression.distillation import DISTILLATION
from compression.roles import role_title
from compression.schemes import SCHEMES
from compression.texts import gettext as _
from ui.run.words import titles


def sentences(spec: Mapping[str, Any], result: Mapping[str, Any]) -> list[str]:
    """Return one sentence for each loss that compared more than logits; none for results of before this was noted."""
    return [_sentence(row, titles(spec)) for row in result.get("compared", ())]


def _sentence(row: Mapping[str, Any], names: Mapping[str, str]) -> str:
    registry = DISTILLATION if row["loss"] in DISTILLATION else SCHEMES
    loss = _(registry[row["loss"]].title) if row["loss"] in registry else row["loss"]
    told = _("{loss} compared {student} with {teacher} at {layers}.")
    if "step" in row:
        told = _("Step {step}: {sentence}").format(step=row["step"], sentence=told)
    return told.format(
        loss=loss,
        student=role_title(row["role"], names).lower(),
        teacher=role_title(row["teacher"], names).lower(),
        layers="; ".join(map(_pair, row["layers"])),
    )


def _pair(layers: Mapping[str, Any]) -> str:
    sides = {side: _side(layers[side]) for side in ("student", "teacher")}
    if "stage" not in layers:
        return _("the embedding ({student} and {teacher})").format(**sides)
    return _("stage {stage} ({student} and {teacher})").format(stage=layers["stage"], **sides)


def _side(at: Mapping[str, Any]) -> str:
    return _("layer {layer}, {shape}").format(layer=at["layer"], shape=_shape(at["shape"]))


def _shape(shape: Sequence[int]) -> str:
    return "×".join(map(str, shape))
