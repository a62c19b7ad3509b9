"""What a file of weights says of its network in its metadata, where the lab or somebody in its way wrote it."""

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from compression.errors import DataError, SpecError
from compression.models import MODELS
from compression.texts import gettext as _


@dataclass(frozen=True)
class Told:
    """What a file says; None for each thing of which it says nothing that can be understood.

    Attributes:
        architecture: `name` and knobs, as the zoo has them.
        mean, std: of the pixels, 0 to 255, a number per channel, with which the network's inputs are normalized.
    """

    architecture: dict[str, Any] | None = None
    dataset: str | None = None
    class_names: tuple[str, ...] | None = None
    split_seed: int | None = None
    mean: tuple[float, ...] | None = None
    std: tuple[float, ...] | None = None


def told(metadata: Mapping[str, str]) -> Told:
    """Return what a file's metadata says, values being JSON.

    Raises:
        DataError: mean and std are not as many finite numbers each, or a std is not above 0.
    """
    said = {key: _json(text) for key, text in metadata.items()}
    dataset, seed, names = said.get("dataset"), said.get("split_seed"), said.get("class_names")
    mean, std = (_numbers(said.get(key)) if key in metadata else None for key in ("mean", "std"))
    if (mean and len(mean)) != (std and len(std)) or not all(number > 0 for number in std or ()):
        raise _refused()
    return Told(
        _architecture(said.get("architecture")),
        dataset if isinstance(dataset, str) else None,
        tuple(map(str, names)) if isinstance(names, list) else None,
        seed if type(seed) is int else None,
        mean,
        std,
    )


def _json(text: str) -> Any:
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return None


def _architecture(value: Any) -> dict[str, Any] | None:
    try:
        return MODELS.check(value, "architecture")
    except SpecError:
        return None


def _numbers(value: Any) -> tuple[float, ...]:
    if not isinstance(value, list) or not value or not all(_is_finite(number) for number in value):
        raise _refused()
    return tuple(map(float, value))


def _is_finite(value: Any) -> bool:
    return type(value) in (int, float) and abs(value) < 1e30 and math.isfinite(value)


def _refused() -> DataError:
    sentence = _("What the file says of its normalization is not a mean and a std above 0 for each channel, as finite numbers.")
    return DataError(sentence)
