"""What a run that waits is told: its place in the queue, and when it starts."""

import functools
import time

from compression import settings
from compression.charts.numbers import format_about
from compression.errors import LabError
from compression.runs import store
from compression.runs.records import Run
from compression.runs.rows import PAUSED
from compression.runs.turns import Forecast
from compression.texts import gettext as _

FRESH_S = 1.0  # whoever looks within so short a time sees the same
SOON_S = 1.5


def waiting_text(run: Run) -> str:
    """Return where a run stands in the queue and in how long it starts."""
    starts = _starts(settings.database_url(), int(time.monotonic() / FRESH_S))
    if starts is None:
        return _("waiting; the lecturer has paused the queue")
    if run.id not in starts:
        return _("waiting for its turn")
    place, seconds = starts[run.id]
    when = _("starts in about {time}").format(time=format_about(seconds)) if seconds > SOON_S else _("starts at once")
    return _("place {place} of {count} in the queue, {when}").format(place=place, count=len(starts), when=when)


@functools.lru_cache(maxsize=1)
def _starts(_url: str, _period: int) -> dict[str, Forecast] | None:
    try:
        return None if store().room_setting(PAUSED) else store().starts()
    except LabError:
        return {}
