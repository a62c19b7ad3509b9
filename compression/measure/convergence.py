"""Whether a training was long enough, told from its losses alone."""

from collections.abc import Sequence
from math import sqrt
from statistics import fmean, linear_regression

FEWEST_EPOCHS = 5
FALL, RISE, STANDARD_ERRORS = 0.1, 0.05, 3

OUTCOMES = STILL_FALLING, VALIDATION_RISING = "still_falling", "validation_rising"


def convergence(train_losses: Sequence[float], validation_losses: Sequence[float]) -> str | None:
    """Return why a training has not converged, or None.

    `still_falling`: a least-squares line through the training losses of the last fifth of the epochs falls by more than a
    tenth of their mean, and by more than three of its standard errors. `validation_rising`: the same line through the
    validation losses of the last third rises by more than a twentieth and by three standard errors, and the lowest
    validation loss lies before that third. Schedules that end at a low learning rate flatten the end of every training, so
    that no finding is no proof.

    Args:
        train_losses: one a epoch, in order.
        validation_losses: the same epochs.
    """
    epochs = len(train_losses)
    if epochs < FEWEST_EPOCHS:
        return STILL_FALLING if epochs > 1 and train_losses[-1] < (1 - FALL) * train_losses[-2] else None
    third, fifth = max(4, epochs // 3), max(4, epochs // 5)
    if _trend(validation_losses[-third:]) > RISE and min(validation_losses[:-third]) < min(validation_losses[-third:]):
        return VALIDATION_RISING
    return STILL_FALLING if _trend(train_losses[-fifth:]) < -FALL else None


def _trend(losses: Sequence[float]) -> float:
    """Return how far a least-squares line through the losses rises, as a share of their mean; 0 where that may be noise."""
    places = range(len(losses))
    slope, start = linear_regression(places, losses)
    residual = sum((loss - start - slope * place) ** 2 for place, loss in zip(places, losses, strict=True)) / (len(losses) - 2)
    spread = sum((place - fmean(places)) ** 2 for place in places)
    if slope == 0 or abs(slope) < STANDARD_ERRORS * sqrt(residual / spread):
        return 0.0
    return slope * (len(losses) - 1) / fmean(losses)
