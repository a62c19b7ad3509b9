"""What roles are called and in which order they are shown; schemes bring roles of their own, such as `assistant2`."""

import re
from collections.abc import Iterable, Mapping

from compression.texts import gettext as _
from compression.texts import mark

TITLES = {
    "teacher": mark("Teacher"),
    "baseline": mark("Baseline"),
    "student": mark("Student"),
    "original": mark("Original"),
    "compressed": mark("Compressed"),
}
FIRST, LAST = "teacher", ("baseline", "student", "original", "compressed")  # the others stand between


def role_title(role: str, titles: Mapping[str, str] | None = None) -> str:
    """Return a role's name for people: `assistant2` is Assistant 2.

    Args:
        titles: names of roles, not translated, that go before the usual ones; the key of a numbered role may lack the number.
    """
    stem, number = parted(role)
    named = {**TITLES, **(titles or {})}
    if role in named:
        return _(named[role])
    title = _(named[stem]) if stem in named else stem.capitalize()
    return f"{title} {number}" if number else title


def roles_in_order(roles: Iterable[str]) -> list[str]:
    """Return roles, each once, in the order in which they are shown: teacher, those that a scheme brings, baseline, student."""

    def place(role: str) -> tuple[int, str, int]:
        if role == FIRST or role in LAST:
            return (1 + LAST.index(role) if role in LAST else -1), "", 0
        return 0, *parted(role)

    return sorted(set(roles), key=place)


def parted(role: str) -> tuple[str, int]:
    """Return a role's name without the number at its end, and that number; 0 where it has none."""
    stem, digits = re.fullmatch(r"(.*?)(\d*)", role, re.DOTALL).groups()
    return stem, int(digits or 0)
