"""Which devices this machine computes on, and how many runs each takes at a time."""

from compression import settings
from compression.errors import LabError
from compression.texts import gettext as _


def named(device: str) -> str:
    """Return a device's name as the store keeps it: auto, cpu or cuda with a number.

    Raises:
        SpecError: it is none.
    """
    from compression.fields import check_device

    return "cuda:0" if check_device(device) == "cuda" else device


def available() -> list[str]:
    """Return the devices of this machine, the CPU first. It touches the GPU driver: never call it in a process that forks."""
    import torch

    return ["cpu", *(f"cuda:{index}" for index in range(torch.cuda.device_count()))]


def resolve(name: str) -> str:
    """Return the torch device that a name means here: `auto` is the first GPU, or the CPU where there is none.

    Raises:
        LabError: this machine has no such device.
    """
    name = named(name)
    if name == "cpu":
        return name
    found = available()
    if name == "auto":
        return found[1] if len(found) > 1 else "cpu"
    if name not in found:
        message = _("This machine has no device {name}; it has {found}.")
        raise LabError(message.format(name=name, found=", ".join(found)))
    return name


def slots(devices: list[str]) -> dict[str, int]:
    """Return how many runs each device takes at a time; of the CPU, how many cores they share."""
    return {name: settings.cpu_slots() if name == "cpu" else settings.gpu_slots() for name in devices}
