"""A dataset that a request names by its path: brought in, and named by what is in it from then on."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from compression import settings
from compression.data.own.bring import READING, Tell, bring
from compression.data.own.stored import FROM_COMMAND_LINE, Own
from compression.errors import SpecError
from compression.texts import gettext as _

DATASET = "dataset"


def with_paths_brought_in(raw: Any, changes: Sequence[str] = (), tell: Tell | None = None) -> tuple[Any, list[str], Own | None]:
    """Return a request and changes to it (`dotted.path=value`) that name own images by their content, and the images.

    For the command line alone: whoever asks may read what the process may read. A path that is not there is looked for
    under `LAB_DATA` too.

    Raises:
        DataError: there is nothing of use at the path.
        LimitError: there is too much.
        SpecError: a setting of the dataset is not allowed.
    """
    if isinstance(raw, Mapping) and isinstance(raw.get("base"), Mapping):
        base, rest, own = with_paths_brought_in(raw["base"], changes, tell)
        return {**raw, "base": base}, rest, own
    if not isinstance(raw, Mapping):
        return raw, list(changes), None
    chosen, rest = raw.get(DATASET, {}), []
    names = {f"{DATASET}.{key}": key for key in ("name", "path", *READING.knobs)}
    for change in changes:
        path, equals, value = change.partition("=")
        if equals and path in names and isinstance(chosen, Mapping):
            chosen = {**chosen, names[path]: _understood(value)}
        else:
            rest.append(change)
    if not isinstance(chosen, Mapping) or not ("path" in chosen or chosen.get("name") == FROM_COMMAND_LINE):
        return raw, list(changes), None
    own = _brought(dict(chosen), tell)
    others = {key: value for key, value in chosen.items() if key not in names.values()}
    return {**raw, DATASET: {"name": own.name, **others}}, rest, own


def _brought(chosen: dict[str, Any], tell: Tell | None) -> Own:
    path = chosen.get("path")
    if chosen.get("name", FROM_COMMAND_LINE) != FROM_COMMAND_LINE:
        raise SpecError(f"{DATASET}.path", path, _('only the dataset "folder" has a path'))
    if not isinstance(path, str) or not path.strip():
        raise SpecError(f"{DATASET}.path", path, _("allowed is the path of a folder, a zip or an npz"))
    reading = {key: chosen[key] for key in READING.knobs if key in chosen}
    try:
        place = Path(path).expanduser()
        if not place.exists() and not place.is_absolute() and (below := settings.data_root() / place).exists():
            place = below
        title = place.stem if place.is_file() else place.resolve().name
    except (OSError, ValueError, RuntimeError) as error:  # too long a name, a character that no path has, nobody's home
        raise SpecError(f"{DATASET}.path", path, _("allowed is the path of a folder, a zip or an npz")) from error
    return bring(place, title, **reading, tell=tell)


def _understood(text: str) -> Any:
    try:
        return json.loads(text)
    except json.JSONDecodeError:
        return text
