"""Files of weights that a spec of the command line names by their paths: stored in the lab, so that the run has them for good."""

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compression import settings
from compression.models import WEIGHTS, WEIGHTS_ID
from compression.own_weights.storage import store_file
from compression.sweep import is_sweep

ROLES = ("teacher", "model")


def bring_in(raw: Any, changes: Sequence[str]) -> tuple[Any, list[str]]:
    """Return a request and its settings, `field=value`, with the id of each file of weights in place of its path.

    A path that is not there is looked for under `LAB_DATA` too.

    Raises:
        NotFoundError, LimitError, DataError: as `store_file`.
    """
    told = [_changed(change) for change in changes]
    if is_sweep(raw):
        return {**raw, **({"base": _brought(raw["base"])} if "base" in raw else {})}, told
    return _brought(raw), told


def _brought(spec: Any) -> Any:
    if not isinstance(spec, Mapping):
        return spec
    named = {role: spec[role] for role in ROLES if isinstance(spec.get(role), Mapping) and WEIGHTS in spec[role]}
    return {**spec, **{role: {**choice, WEIGHTS: _stored(choice[WEIGHTS])} for role, choice in named.items()}}


def _changed(change: str) -> str:
    field, equals, value = change.partition("=")
    return f"{field}={_stored(value)}" if equals and field in [f"{role}.{WEIGHTS}" for role in ROLES] else change


def _stored(value: Any) -> Any:
    if not isinstance(value, str) or WEIGHTS_ID.fullmatch(value):
        return value
    place = Path(value).expanduser()
    if not place.exists() and not place.is_absolute() and (below := settings.data_root() / place).exists():
        place = below
    return store_file(place, settings.weights_folder())
