"""What runs side by side are called: by the few settings that tell them apart, else by letters with a key."""

import string
from collections.abc import Mapping, Sequence

from compression.runs.records import Run
from compression.texts import gettext as _
from ui.run.differences import labels, settings_rows
from ui.run.words import dataset, networks, settings_text

MOST_SETTINGS = 2


def names(runs: Sequence[Run]) -> dict[str, str]:
    """Return a name for each run: `temperature 8`, or `Run A` where more settings than two tell them apart.

    Args:
        runs: in the order in which they stand side by side.
    """
    if len(settings_rows(runs)) <= MOST_SETTINGS:
        return labels(runs)
    return {run.id: _("Run {letter}").format(letter=_letter(place)) for place, run in enumerate(runs)}


def _letter(place: int) -> str:
    turn, place = divmod(place, len(string.ascii_uppercase))
    return string.ascii_uppercase[place] + (str(turn + 1) if turn else "")


def key(runs: Sequence[Run], named: Mapping[str, str]) -> list[str]:
    """Return for each run that has a letter what it stands for; nothing where names say it."""
    if len(settings_rows(runs)) <= MOST_SETTINGS:
        return []
    apart = labels(runs)
    told = []
    for run in runs:
        facts = [networks(run), dataset(run), settings_text(run.spec)]
        same = [other for other in runs if [networks(other), dataset(other), settings_text(other.spec)] == facts]
        told.append(f"{named[run.id]}: {', '.join(filter(None, facts))}" + (f" · {apart[run.id]}" if len(same) > 1 else ""))
    return told
