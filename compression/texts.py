"""Every visible string passes through here, so that a catalogue of translations can follow."""

import gettext as _standard
import time
from datetime import datetime

_translations = _standard.NullTranslations()


def gettext(message: str) -> str:
    """Return the message in the reader's language; English is the source."""
    return _translations.gettext(message)


def ngettext(singular: str, plural: str, count: float) -> str:
    """Return the message in the reader's language with the noun's form for a count."""
    return _translations.ngettext(singular, plural, 1 if count == 1 else 2)


def mark(message: str) -> str:
    """Mark a message for the catalogue without translating it yet (titles and knob help are looked up when shown)."""
    return message


def timestamp(moment: float | None = None) -> str:
    """Return a time for a log, in seconds since 1970 (the present by default): local time with its distance from UTC."""
    moment = time.time() if moment is None else moment
    return datetime.fromtimestamp(moment).astimezone().isoformat(sep=" ", timespec="seconds")
