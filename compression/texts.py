"""Every visible string passes through here, so that a catalogue of translations can follow."""

import gettext as _standard

_translations = _standard.NullTranslations()


def gettext(message: str) -> str:
    """Return the message in the reader's language; English is the source."""
    return _translations.gettext(message)


def mark(message: str) -> str:
    """Mark a message for the catalogue without translating it yet (titles and knob help are looked up when shown)."""
    return message
