"""What only the lecturer may do, who knows the lab's key: look after everybody's runs and the queue."""

import hmac
import os
import secrets

from compression.errors import LabError, NotYoursError
from compression.runs.records import Run
from compression.runs.rows import PAUSED, TIME_LIMIT
from compression.runs.store import Store
from compression.texts import gettext as _

VARIABLE = "LAB_LECTURER_KEY"
KEY_BYTES = 9


def key() -> str | None:
    """Return the lecturer's key (`LAB_LECTURER_KEY`); None where there is none, and nobody is the lecturer."""
    return os.environ.get(VARIABLE, "").strip() or None


def make_key() -> str:
    """Make a random key, for this process and those that it starts, and return it."""
    os.environ[VARIABLE] = made = secrets.token_urlsafe(KEY_BYTES)
    return made


class Lecturer:
    """Someone who knows the key; without it there is no such object.

    Raises:
        NotYoursError: the key is not this lab's, or the lab has none.
    """

    def __init__(self, store: Store, given: str) -> None:
        known = key()
        if known is None:
            raise NotYoursError(_("This lab has no lecturer's key; set {variable} to have one.").format(variable=VARIABLE))
        if not hmac.compare_digest(known.encode(), given.strip().encode()):
            raise NotYoursError(_("This is not the lecturer's key of this lab."))
        self._store = store

    def cancel(self, run_id: str) -> Run:
        """Cancel anybody's run, as `Store.cancel` does."""
        return self._store.cancel(run_id)

    def move_to_front(self, run_id: str) -> Run:
        """Let a waiting run start before all others, as `Store.move_to_front` does."""
        return self._store.move_to_front(run_id)

    def clear_queue(self) -> int:
        """Cancel all runs that wait, and return how many there were."""
        return self._store.clear_queue()

    @property
    def paused(self) -> bool:
        """Whether no waiting run starts."""
        return bool(self._store.room_setting(PAUSED))

    def pause(self, paused: bool) -> None:
        """Let no waiting run start from now on, or let them start again; what is at work goes on."""
        self._store.set_room_setting(PAUSED, paused or None)

    @property
    def time_limit_s(self) -> float | None:
        """The seconds of work after which everybody's runs are stopped; None where only their own limits count."""
        return self._store.room_setting(TIME_LIMIT)

    def limit_time(self, seconds: float | None) -> None:
        """Stop everybody's runs, those at work too, after so many seconds of work; None lifts it.

        Raises:
            LabError: it is not a positive number.
        """
        if seconds is not None and not seconds > 0:
            raise LabError(_("A time limit is a positive number of seconds, not {given}.").format(given=seconds))
        self._store.set_room_setting(TIME_LIMIT, seconds)
