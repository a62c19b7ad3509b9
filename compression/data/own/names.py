"""Names that come from outside: parts of a path that is looked at, never followed, and words fit to be shown."""

import re
import unicodedata

from compression.data.own.limits import MOST_PATH_CHARACTERS
from compression.errors import DataError
from compression.texts import gettext as _

DRIVE = re.compile(r"[A-Za-z]:")
DEVICES = re.compile(r"(con|prn|aux|nul|conin\$|conout\$|clock\$|com[0-9¹²³]|lpt[0-9¹²³])", re.IGNORECASE)
SYSTEMS_OWN = {"__macosx", "thumbs.db", "desktop.ini", "$recycle.bin", "system volume information"}
LETTERS, PLAIN = "LMN", " -_.,+&'()/"  # categories of characters, and characters beside them, that words keep
MOST_SHOWN_CHARACTERS = 40


def shown(name: str, nothing: str = "") -> str:
    """Return a name from outside as words to show, in any script: without markup, control characters or changes of direction."""
    kept = (one if unicodedata.category(one)[0] in LETTERS or one in PLAIN else " " for one in unicodedata.normalize("NFC", name))
    words = " ".join("".join(kept).split())
    return (words if len(words) <= MOST_SHOWN_CHARACTERS else words[: MOST_SHOWN_CHARACTERS - 1] + "…") or nothing


def parts_of(path: str) -> tuple[str, ...]:
    """Return the parts of a path within an archive; both kinds of slashes part them.

    Raises:
        DataError: it leads out of the archive, or is no name on every system.
    """
    if len(path) > MOST_PATH_CHARACTERS:
        sentence = _("The file holds a name of {count:,} characters; {most} are allowed.")
        raise DataError(sentence.format(count=len(path), most=MOST_PATH_CHARACTERS))
    parts = path.replace("\\", "/").split("/")
    if not parts[0] or ".." in parts or "\0" in path or DRIVE.match(path):
        sentence = _("The file holds the name “{name}”, which leads out of it; such a file is not read.")
        raise DataError(sentence.format(name=shown(path, "?")))
    parts = [part for part in parts if part not in ("", ".")]
    for part in parts:
        if DEVICES.fullmatch(part.split(".")[0].split(":")[0].rstrip()):
            sentence = _("The file holds the name “{name}”, which is that of a device; rename it.")
            raise DataError(sentence.format(name=shown(path, "?")))
    return tuple(unicodedata.normalize("NFC", part) for part in parts)


def is_systems_own(parts: tuple[str, ...]) -> bool:
    """Tell whether a file is hidden or belongs to a system's file manager."""
    return any(part.startswith(".") or part.lower() in SYSTEMS_OWN for part in parts)


def in_natural_order(name: str) -> tuple[int, int, str]:
    """Return the key by which names are sorted: numbers by what they count, then words."""
    return (0, int(name), name) if name.isdecimal() and len(name) < MOST_SHOWN_CHARACTERS else (1, 0, name)


def made_unlike(names: list[str]) -> list[str]:
    """Return names to show of which no two are alike."""
    found: list[str] = []
    for place, name in enumerate(names):
        word = shown(name, _("class {number}").format(number=place))
        found.append(word if word not in found else f"{word} ({place})")
    return found
