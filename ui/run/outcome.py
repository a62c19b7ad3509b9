"""How a run came out: the numbers that runs are sorted by, and the answer in a few words."""

from typing import NamedTuple

from compression.roles import role_title
from compression.runs.frames import models_of
from compression.runs.records import Run
from compression.texts import gettext as _
from ui.run.decimals import signed_points
from ui.run.differences import OUTCOMES
from ui.run.verdicts import verdicts_of
from ui.run.words import titles


class Outcome(NamedTuple):
    """What a finished run found.

    Attributes:
        accuracy: of the student or the compressed network on test images, 0 to 1.
        difference: of that accuracy from the baseline's or the original's, 0 to 1.
        word: the verdict's answer; empty where the run asks nothing.
        rival: what the difference is from, where it is neither.
    """

    accuracy: float | None = None
    difference: float | None = None
    word: str = ""
    rival: str = ""

    @property
    def sentence(self) -> str:
        """The answer with its difference: `Yes, +3.6 points`."""
        if self.difference is None:
            return self.word
        told = _("{difference} points against “{rival}”") if self.rival else _("{difference} points")
        change = told.format(difference=signed_points(self.difference), rival=self.rival)
        return ", ".join(filter(None, [self.word, change]))


def outcome(run: Run) -> Outcome:
    """Return how a run came out; all is empty of one that has no result, or none that can be read."""
    try:
        accuracy = next((models_of(run)[role]["accuracy"] for role in OUTCOMES if role in models_of(run)), None)
        found, answers = (run.result or {}).get("verdict"), verdicts_of(run) if run.result else []
        difference = float(found["difference"]) if found else None
        rival = role_title(found["against"], titles(run.spec)) if found and "against" in found else ""
        return Outcome(accuracy, difference, answers[0].word if answers else "", rival)
    except (AttributeError, IndexError, KeyError, TypeError, ValueError):
        return Outcome()
