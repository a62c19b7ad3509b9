"""Softened probabilities that move while the temperature is dragged, and the gradients that they give; all in the browser."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import streamlit as st
from torch import Tensor

from compression.texts import gettext as _

HERE = Path(__file__).parent
DECIMALS = 5  # of a logit: more than its bars can show, and half the bytes

_mount = st.components.v2.component(
    "compression_lab.softened",
    html='<div class="softened"></div>',
    css=(HERE / "softened.css").read_text(encoding="utf-8"),
    js=(HERE / "softened.js").read_text(encoding="utf-8"),
    isolate_styles=False,
)


@dataclass(frozen=True)
class Answering:
    """A network whose probabilities are shown: its name, its colour and its logits (N, K)."""

    title: str
    colour: str
    logits: Tensor


def softened(
    inputs: Tensor,
    labels: Tensor,
    class_names: Sequence[str],
    networks: Mapping[str, Answering],
    *,
    temperature: float,
    key: str,
    learner: str,
    gradients: bool = True,
) -> float:
    """Show images one can step through, what each network says of them at a temperature, and the sizes of gradients.

    Args:
        inputs: uint8 (N, C, H, W), grey or colour.
        labels: int64 (N,).
        networks: by name; the first is the teacher.
        temperature: where the slider starts.
        learner: the network whose gradients are shown first.
        gradients: whether to show them.

    Returns:
        The temperature at which the slider was let go last.
    """
    data = {
        "images": [image.flatten().tolist() for image in inputs],
        "shape": list(inputs.shape[1:]),
        "labels": labels.tolist(),
        "classes": [str(name) for name in class_names],
        "networks": [_plain(name, network) for name, network in networks.items()],
        "learner": learner,
        "gradients": gradients,
        "temperature": temperature,
        "words": _words(),
    }
    shown = _mount(key=key, data=data, on_temperature_change=lambda: None)
    return float(shown.temperature or temperature)


def _plain(name: str, network: Answering) -> dict[str, Any]:
    rows = [[round(value, DECIMALS) for value in row] for row in network.logits.tolist()]
    return {"name": name, "title": network.title, "colour": network.colour, "logits": rows}


def _words() -> dict[str, str]:
    return {
        "temperature": _("Temperature T"),
        "drag": _("Drag it: the bars move at once."),
        "image": _("Image {place} of {count}"),
        "label": _("its label is {label}"),
        "previous": _("Previous image"),
        "next": _("Next image"),
        "entropy": _("entropy {bits} of {most} bits"),
        "logit": _("logit {logit}"),
        "plausible": _(
            "At T = {temperature} the teacher gives {label}, the label, {share}; of the wrong classes it finds {first}"
            " ({first_share}) and {second} ({second_share}) the most plausible."
        ),
        "gradient_title": _("Size of the gradient that a network's logits get, the mean over these {count} images"),
        "gradient_of": _("Gradients for"),
        "with": _("soft targets, with T²"),
        "without": _("soft targets, without T²"),
        "labels": _("labels"),
        "told": _(
            "At T = {temperature}: {without} without T², {with} with it; labels give {labels}. Without T² the teacher's part"
            " would shrink as T grows, and alpha would mean something else at each temperature."
        ),
    }
