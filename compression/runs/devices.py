"""Which devices this machine computes on, and how many runs each takes at a time."""

import re

from compression import settings
from compression.errors import LabError, SpecError
from compression.texts import gettext as _

FORM = re.compile(r"auto|cpu|cuda:\d{1,2}")


def check_device(name: str) -> str:
    """Return a device's name as it was given.

    Raises:
        SpecError: it is neither auto, cpu nor cuda with a number.
    """
    if not FORM.fullmatch(name):
        raise SpecError("device", name, _("allowed is auto, cpu or cuda:0"))
    return name


def available() -> list[str]:
    """Return the devices of this machine, the CPU first. It touches the GPU driver: never call it in a process that forks."""
    import torch

    return ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]


def resolve(name: str) -> str:
    """Return the torch device that a name means here: `auto` is the first GPU, or the CPU where there is none.

    Raises:
        LabError: this machine has no such device.
    """
    if check_device(name) == "cpu":
        return name
    found = available()
    if name == "auto":
        return found[1] if len(found) > 1 else "cpu"
    if name not in found:
        message = _("This machine has no device {name}; it has {found}.")
        raise LabError(message.format(name=name, found=", ".join(found)))
    return name


def slots(devices: list[str]) -> dict[str, int]:
    """Return how many runs each device takes at a time."""
    return {name: 1 if name == "cpu" else settings.gpu_slots() for name in devices}
