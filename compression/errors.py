"""Every error that a user can meet; each message is one sentence that says what was wrong and what is allowed."""

from typing import Any


class LabError(Exception):
    """A failure that a person can understand and act on: its text is one sentence, shown as it is."""


class SpecError(LabError):
    """A request that names something unknown or out of range.

    Args:
        field: where in the spec, as a dotted path (`loss.temperature`); empty for the spec as a whole.
        given: the value that was given.
        allowed: what is allowed there, as the end of a sentence.
    """

    def __init__(self, field: str, given: Any, allowed: str) -> None:
        self.field, self.given, self.allowed = field, given, allowed
        shown = repr(given)
        if len(shown) > SHOWN_CHARACTERS:
            shown = shown[: SHOWN_CHARACTERS - 1] + "…"
        super().__init__(f"{field or 'spec'}: {shown} is not allowed; {allowed}.")


class DataError(LabError):
    """Data that is missing, incomplete or corrupt."""


class StoreError(LabError):
    """A store that cannot be reached or written now; the same call may work later."""


class LimitError(LabError):
    """A limit of the lab was passed."""


class NotFoundError(LabError):
    """A run, a file or a card that does not exist."""


class NotYoursError(LabError):
    """Someone else's run."""


class TrainingError(LabError):
    """Training went wrong in a way that a person can mend, such as a loss that is no longer a number."""


SHOWN_CHARACTERS = 80
