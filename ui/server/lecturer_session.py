"""Whether the visitor is the lecturer: the key that was given, asked of the engine at each use."""

from compression import settings
from compression.errors import LabError
from compression.runs import lecturer, store
from compression.runs.lecturer import Lecturer
from ui.server.identity import owner

_given: dict[tuple[str, str], str] = {}  # by store and person: neither a reload nor another tab asks for the key again


def enter(given: str) -> None:
    """Keep a key for the visitor until the server ends.

    Raises:
        LabError: it is not this lab's.
    """
    Lecturer(store(), given)
    _given[_who()] = given


def leave() -> None:
    """Be a visitor like everybody else again."""
    _given.pop(_who(), None)


def current() -> Lecturer | None:
    """Return the lecturer that the visitor is, or None."""
    given = _given.get(_who())
    try:
        return Lecturer(store(), given) if given else None
    except LabError:  # the key is another one by now
        return None


def _who() -> tuple[str, str]:
    return settings.database_url(), owner()


def possible() -> bool:
    """Tell whether this lab has a lecturer's key."""
    return lecturer.key() is not None
