"""The finished run whose settings are nearest to those on a page, to show before its own run has begun."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, NamedTuple

from compression.runs import newest
from compression.runs.records import FINISHED, Run
from compression.texts import gettext as _
from compression.texts import ngettext
from ui.run.differences import Rows, in_place_of, settings_rows
from ui.run.words import settings_text

MOST_LOOKED_AT = 50  # of the newest finished runs
MOST_TOLD = 3  # differences


class Nearest(NamedTuple):
    """A finished run, and the settings in which it differs: its value and the one that is wanted, by dotted path."""

    run: Run
    rows: Rows

    @property
    def told(self) -> str:
        """Return what differs, in words: `A finished run with temperature 8 in place of 4.`"""
        if not self.rows:
            return _("A finished run of these settings.")
        parts = in_place_of(self.rows)
        if not parts:
            return _("A finished run with other methods: {methods}.").format(methods=settings_text(self.run.spec))
        if more := len(parts) - MOST_TOLD if len(parts) > MOST_TOLD else 0:
            others = ngettext("{count} other setting differs", "{count} other settings differ", more).format(count=more)
            parts = [*parts[:MOST_TOLD], others]
        return _("A finished run with {differences}.").format(differences=", ".join(parts))


def find(spec: Mapping[str, Any]) -> Nearest | None:
    """Return the finished run of the same kind on the same dataset of which fewest settings differ, the newest of equals.

    Everybody may see all runs, as on the page Runs. Only the newest are looked at.
    """
    runs = [run for run in newest(MOST_LOOKED_AT, states=(FINISHED,)) if run.kind == spec["kind"] and run.result]
    named = [run for run in runs if (run.spec.get("dataset") or {}).get("name") == spec["dataset"]["name"]]
    found = [Nearest(run, settings_rows([run, replace(run, spec=dict(spec))])) for run in named]
    return min(found, key=lambda nearest: len(nearest.rows), default=None)
